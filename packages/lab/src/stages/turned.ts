/** The stage of a model with the other attention, and a model with all changes that a start names. */
import { type DataError, InvalidInput } from "@winnow/core"
import { parameterCount, saveModel, turnedModel } from "@winnow/models"
import { Effect } from "effect"
import type { ResolvedStart } from "../experiment/start.ts"
import { type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import { acquire, openModel } from "./models.ts"
import { type BeginModel, otherArchitecture } from "./start.ts"
import { withVocabulary } from "./vocabulary.ts"

/** The same weights with the other attention. */
export const turnedStage = (label: string, begin: Stage, parameters: number): Stage =>
  stage({
    kind: "start",
    label,
    config: { turned: true },
    inputs: [begin],
    code: stageCode({ revisions: ["training"], tensors: false }),
    work: { parameters },
    run: ({ directory, inputs: [artifact] }) =>
      Effect.gen(function* () {
        const model = yield* openModel(artifact!)
        const turned = yield* acquire(Effect.sync(() => turnedModel(model)))
        yield* saveModel(turned, directory)
        return { parameters }
      }).pipe(Effect.scoped),
  })

/**
 * A model as a start names it: with the other attention, with a smaller vocabulary; the model itself where it names none.
 *
 * @param place.name of the model in labels and errors
 * @param place.data the text that the smaller vocabulary counts
 * @error InvalidInput for an attention or a size that the model cannot have, and for a head in the place of a model
 */
export const withChanges = (
  start: Pick<ResolvedStart, "turned" | "vocabulary">,
  begin: BeginModel,
  place: { readonly name: string; readonly data: Stage },
): Effect.Effect<BeginModel, InvalidInput | DataError> =>
  Effect.gen(function* () {
    const { name } = place
    if (start.turned === undefined) return yield* withVocabulary(start, begin, place)
    if (begin.head !== undefined) {
      const problems = [`head ${begin.head.name} has no attention of its own; leave turned out`]
      return yield* new InvalidInput({ what: name, problems })
    }
    const architecture = yield* otherArchitecture(name, begin.architecture, start)
    const turned = { stage: turnedStage(`${name}, turned`, begin.stage, parameterCount(architecture)), architecture }
    return yield* withVocabulary(start, turned, place)
  })
