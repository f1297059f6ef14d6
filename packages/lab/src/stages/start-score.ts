/** A score of a model, before any training of the run: the score's plugin on samples and texts of a split. */
import { InvalidInput, type ScoreUse } from "@winnow/core"
import { driven } from "@winnow/generation"
import { parameterCount } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { Effect } from "effect"
import { plain } from "../experiment/plain-json.ts"
import { partOf, type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import { openModel } from "./models.ts"
import { decodingStep } from "./rollouts.ts"
import { firstTexts, readSamples, type Sampling } from "./samples.ts"
import { isOfTokens, statesOf, tokenFigures } from "./score-figures.ts"
import { readSplit } from "./text.ts"

/** The summary of a score's stage. */
export interface StartScore {
  /** The score; of a score that reads states, at the last layer. */
  readonly score: number
  /** By number of layer, 0 is the embedding; left out of a score that reads no states. */
  readonly byLayer?: ReadonlyArray<readonly [layer: number, score: number]>
}

/**
 * The stage of one score of one model; its summary is a `StartScore`.
 *
 * @param spec.layers the layers at which a score of states is computed
 * @error InvalidInput (of the stage) for a class of fewer states than the score can read
 */
export const startScoreStage = (spec: {
  readonly label: string
  readonly score: ScoreUse
  readonly model: Stage
  readonly data: Stage
  readonly target: Stage
  readonly samples: Stage
  readonly sampling: Sampling
  readonly layers: "last" | "all"
  readonly seed: number
}) =>
  Effect.gen(function* () {
    const { label, score, model, data, target, samples, sampling, layers, seed } = spec
    const { split, tokens } = sampling
    const { needs } = yield* score.instance
    const [ofStates, ofTokens] = [needs.includes("h_Nd"), needs.some(isOfTokens)]
    const readsTarget = needs.includes("acceptance_M")
    return stage({
      kind: "start-score",
      label,
      config: { score: yield* plain(score), split, ...(ofStates && { layers }), ...(ofTokens && { tokens }) },
      inputs: [model, partOf(data, split), samples, ...(readsTarget ? [target] : [])],
      code: stageCode({ revisions: ["measuring"], tensors: true, plugins: [score] }),
      seed,
      run: ({ inputs: [modelArtifact, dataArtifact, samplesArtifact, targetArtifact] }) =>
        Effect.gen(function* () {
          const opened = yield* openModel(modelArtifact!)
          const { of, least, name } = yield* score.instance
          const { examples } = yield* readSplit(dataArtifact!, split)
          const chosen = yield* readSamples(samplesArtifact!)
          const texts = firstTexts(examples, tokens)
          const ofTarget = targetArtifact && (yield* openModel(targetArtifact))
          const figures = ofTokens
            ? yield* decodingStep(label, (signal) =>
                driven(tokenFigures(opened, texts, new Set(needs), ofTarget), signal),
              )
            : {}
          const states = ofStates
            ? yield* decodingStep(label, (signal) => driven(statesOf(opened, examples, chosen, layers), signal))
            : []
          const { architecture } = opened
          const common = {
            N: chosen.class_N.length,
            C: chosen.C,
            class_N: Int32Array.from(chosen.class_N),
            sequence_N: Int32Array.from(chosen.text_N),
            M: texts.reduce((sum, { ids, promptLength }) => sum + ids.length - Math.max(1, promptLength), 0),
            ...figures,
            parameters: parameterCount(architecture),
          }
          const counts_C = new Int32Array(chosen.C)
          for (const c of chosen.class_N) counts_C[c]!++
          if (Math.max(...counts_C) < least) {
            const problems = [
              `it reads ${least} states a class, and the largest class has ${Math.max(...counts_C)}; raise perClass`,
            ]
            return yield* new InvalidInput({ what: `score ${name}`, problems })
          }
          const rng = () => seeded(seed, "score", name)
          if (!ofStates) return { score: of({ ...common, d: architecture.hiddenSize, rng: rng() }) }
          const byLayer: Array<readonly [layer: number, score: number]> = []
          // A turn of the event loop a layer, so that a stop does not wait for all of them.
          for (const { layer, d, h_Nd } of states) {
            byLayer.push([layer, of({ ...common, d, h_Nd, rng: rng() })])
            yield* Effect.yieldNow
          }
          return { score: byLayer.at(-1)![1], byLayer }
        }).pipe(Effect.scoped),
    })
  })
