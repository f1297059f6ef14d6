/** The stage of a model with a smaller vocabulary: a count over the training text chooses the ids that its head keeps. */
import { type Architecture, type Attends, type DataError, InvalidInput } from "@winnow/core"
import { frequentIds } from "@winnow/data"
import { modelOfIds, parameterCount, saveModel } from "@winnow/models"
import { Effect } from "effect"
import type { ResolvedStart } from "../experiment/start.ts"
import { partOf, type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import { acquire, openModel } from "./models.ts"
import { type BeginModel, smallerArchitecture } from "./start.ts"
import { readSplit } from "./text.ts"

const vocabularyStage = (
  label: string,
  size: number,
  {
    begin,
    data,
    architecture,
  }: { readonly begin: Stage; readonly data: Stage; readonly architecture: Architecture<Attends> },
): Stage =>
  stage({
    kind: "start",
    label,
    config: { vocabulary: size },
    inputs: [partOf(data, "train"), begin],
    code: stageCode({ revisions: ["training"], tensors: false }),
    work: { parameters: parameterCount(architecture) },
    run: ({ directory, note, inputs: [dataArtifact, beginArtifact] }) =>
      Effect.gen(function* () {
        const text = yield* readSplit(dataArtifact!, "train")
        const whole = yield* openModel(beginArtifact!)
        const { id_U, tokens, outside } = frequentIds(text.examples, whole.architecture.vocabularySize, size)
        const smaller = yield* acquire(Effect.sync(() => modelOfIds<Attends>(whole, id_U)))
        yield* saveModel(smaller, directory)
        note(`${size} ids cover ${(100 * (1 - outside / tokens)).toFixed(2)} % of ${tokens} tokens to predict`)
        return { parameters: parameterCount(architecture), ids: size, counted: tokens, outside }
      }).pipe(Effect.scoped),
  })

/**
 * A model with the vocabulary of a start; the model itself where that names none.
 *
 * @param name of the model in labels and errors
 * @param data the text that is counted
 * @error InvalidInput for a size that the model cannot have, and for a head in the place of a model
 */
export const withVocabulary = (
  start: Pick<ResolvedStart, "vocabulary">,
  begin: BeginModel,
  { name, data }: { readonly name: string; readonly data: Stage },
): Effect.Effect<BeginModel, InvalidInput | DataError> =>
  Effect.gen(function* () {
    const { vocabulary } = start
    if (vocabulary === undefined) return begin
    if (begin.head !== undefined) {
      const problems = [`head ${begin.head.name} predicts the target's ids; leave vocabulary out`]
      return yield* new InvalidInput({ what: name, problems })
    }
    const architecture = yield* smallerArchitecture(name, begin.architecture, start)
    const label = `${name}, ${vocabulary} ids`
    return { stage: vocabularyStage(label, vocabulary, { begin: begin.stage, data, architecture }), architecture }
  })
