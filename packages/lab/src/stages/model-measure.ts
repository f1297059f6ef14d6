/** A measure of a trained draft: a sum and a count for each text of a split. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  DataError,
  type Encoder,
  type FittedInput,
  type HeadUse,
  isDraftHead,
  type MeasuredTexts,
  type MeasureUse,
  type PortionMeasure,
  type Problem,
} from "@winnow/core"
import { driven, type Pieces } from "@winnow/generation"
import { copyModel } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { leftRows, measuredRows, modelRows, pooledSize, pooledStates } from "@winnow/training"
import { Effect, type Scope } from "effect"
import { plain } from "../experiment/plain-json.ts"
import { partOf, type Stage, type StageError, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import type { Artifact } from "../store/store.ts"
import { openModel, openOwnHead, readsPieces } from "./models.ts"
import { decodingStep } from "./rollouts.ts"
import { readSplit } from "./text.ts"

/** Number of texts in one call of a measure. */
const portion = 8

const file = "measured.json"

/** The input of a measure that fits; the copy that it trains is freed with the scope. */
const fittedInput = (
  model: Encoder,
  data: Artifact,
  { split, rng }: { readonly split: "validation" | "test"; readonly rng: FittedInput["rng"] },
): Effect.Effect<FittedInput, StageError, Scope.Scope> =>
  Effect.gen(function* () {
    const copies: Array<Encoder> = []
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        for (const copy of copies) copy.dispose()
      }),
    )
    const [training, validation, measured] = yield* Effect.forEach(["train", "validation", split] as const, (name) =>
      Effect.map(readSplit(data, name), ({ examples }) => examples),
    )
    const copy = () => {
      const own = copyModel(model)
      copies.push(own)
      return Object.assign(own, { pooled: (texts: ReadonlyArray<Int32Array>) => pooledStates(own, texts) })
    }
    const pooled = (texts: ReadonlyArray<Int32Array>) => pooledStates(model, texts)
    return {
      training: training!,
      validation: validation!,
      measured: measured!,
      pooled,
      copy,
      d: pooledSize(model),
      rng,
    }
  })

/** The sums and counts of portions of texts. */
function* inPortions(
  { of }: PortionMeasure,
  values: Omit<Parameters<typeof of>[0], "examples" | "rng">,
  examples: FittedInput["measured"],
  rngAt: (from: number) => FittedInput["rng"],
): Pieces<MeasuredTexts> {
  const texts: Array<MeasuredTexts[number]> = []
  for (let from = 0; from < examples.length; from += portion) {
    texts.push(...of({ ...values, examples: examples.slice(from, from + portion), rng: rngAt(from) }))
    yield
  }
  return texts
}

/**
 * The stage of one measure of one model.
 *
 * @param spec.target the frozen target, for a measure that reads it
 * @param spec.data of the texts: for a measure with a task of its own, that task's
 * @param spec.prompts number of texts, from the start of the split; a measure that fits chooses its texts itself
 * @param spec.seed of the measure's random draws: the same for all models
 */
export const modelMeasureStage = (spec: {
  readonly label: string
  readonly measure: MeasureUse
  readonly model: Stage
  /** The head that the stage `model` has in the place of a model. */
  readonly head?: HeadUse | undefined
  readonly target: Stage
  readonly tokenizer: Stage
  readonly data: Stage
  readonly split: "validation" | "test"
  readonly prompts: number
  readonly seed: number
}) =>
  Effect.gen(function* () {
    const { label, measure, model, head, target, tokenizer, data, split, prompts, seed } = spec
    const readsTarget = head !== undefined || measure.reads.some((one) => one === "targetRows" || one === "leftRows")
    const of = yield* plain(measure)
    const fits = measure.task !== undefined
    // Inputs are known by their places: a stage that reads the tokenizer reads the target too.
    const frozen = [...(readsTarget ? [target] : []), ...(readsPieces(head) ? [tokenizer] : [])]
    return stage({
      kind: "model-measure",
      label,
      config: fits ? { measure: of, split } : { measure: of, split, prompts, portion },
      inputs: [model, fits ? data : partOf(data, split), ...frozen],
      code: stageCode({ revisions: ["measuring"], tensors: true, plugins: [measure] }),
      seed,
      run: ({ directory, inputs: [modelArtifact, dataArtifact, targetArtifact, words] }) =>
        Effect.gen(function* () {
          const ofTarget = targetArtifact && (yield* openModel(targetArtifact))
          const opened = head
            ? yield* openOwnHead(modelArtifact!, head, ofTarget!, words)
            : yield* openModel(modelArtifact!)
          const { vocabularySize } = (isDraftHead(opened) ? opened.target : opened).architecture
          const values = {
            // `resolve` has refused a measure that reads the model of a head.
            ...(!isDraftHead(opened) && { model: opened }),
            vocabularySize,
            rows: (problem: Problem) => measuredRows(opened, problem),
            ...(ofTarget && { targetRows: (problem: Problem) => modelRows(ofTarget, problem) }),
            ...(ofTarget && {
              leftRows: (problem: Problem) =>
                isDraftHead(opened) ? leftRows(opened, problem) : modelRows(ofTarget, problem),
            }),
          }
          const rngAt = (from: number) => seeded(seed, "measure", measure.name, from)
          const instance = yield* measure.instance
          const pieces =
            "of" in instance
              ? inPortions(instance, values, (yield* readSplit(dataArtifact!, split)).examples.slice(0, prompts), rngAt)
              : // `resolve` has refused such a measure of a head.
                instance.fitted(yield* fittedInput(opened as Encoder, dataArtifact!, { split, rng: rngAt(0) }))
          const texts = yield* decodingStep(label, (signal) => driven(pieces, signal))
          writeFileSync(join(directory, file), JSON.stringify(texts))
          const [sum, count] = texts.reduce(([s, n], [x, m]) => [s + x, n + m], [0, 0])
          return { value: count === 0 ? null : sum / count, count }
        }).pipe(Effect.scoped),
    })
  })

/** The sum and the count of each text. */
export const readMeasured = (artifact: Artifact): Effect.Effect<MeasuredTexts, DataError> =>
  Effect.try({
    try: () => JSON.parse(readFileSync(join(artifact.directory, file), "utf8")) as MeasuredTexts,
    catch: (error) =>
      new DataError({ message: `${artifact.directory}/${file}: ${String(error)}; run with --fresh`, cause: error }),
  })
