/** A measure of a trained draft: a sum and a count for each text of a split. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DataError, type HeadUse, isDraftHead, type MeasuredTexts, type MeasureUse, type Problem } from "@winnow/core"
import { driven, type Pieces } from "@winnow/generation"
import { seeded } from "@winnow/numerics"
import { measuredRows, modelRows } from "@winnow/training"
import { Effect } from "effect"
import { plain } from "../experiment/plain-json.ts"
import { partOf, type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import type { Artifact } from "../store/store.ts"
import { openModel, openOwnHead, readsPieces } from "./models.ts"
import { decodingStep } from "./rollouts.ts"
import { readSplit } from "./text.ts"

/** Number of texts in one call of a measure. */
const portion = 8

const file = "measured.json"

/**
 * The stage of one measure of one model.
 *
 * @param spec.target the frozen target, for a measure that reads it
 * @param spec.prompts number of texts, from the start of the split
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
    const readsTarget = head !== undefined || measure.reads.includes("targetRows")
    // Inputs are known by their places: a stage that reads the tokenizer reads the target too.
    return stage({
      kind: "model-measure",
      label,
      config: { measure: yield* plain(measure), split, prompts, portion },
      inputs: [model, partOf(data, split), ...(readsTarget ? [target] : []), ...(readsPieces(head) ? [tokenizer] : [])],
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
          }
          const { of } = yield* measure.instance
          const examples = (yield* readSplit(dataArtifact!, split)).examples.slice(0, prompts)
          function* measured(): Pieces<MeasuredTexts> {
            const texts: Array<MeasuredTexts[number]> = []
            for (let from = 0; from < examples.length; from += portion) {
              const rng = seeded(seed, "measure", measure.name, from)
              texts.push(...of({ ...values, examples: examples.slice(from, from + portion), rng }))
              yield
            }
            return texts
          }
          const texts = yield* decodingStep(label, (signal) => driven(measured(), signal))
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
