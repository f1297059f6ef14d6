/** Scores of a model, before any training of the run: plugins on samples and texts of a split. */
import { InvalidInput, isOfLayer, type ScoreFigure, type ScoreInstance, type ScoreUse } from "@winnow/core"
import { driven } from "@winnow/generation"
import { parameterCount } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { Effect } from "effect"
import { plainSpec } from "../experiment/plain-json.ts"
import { partOf, type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import { openModel } from "./models.ts"
import { decodingStep } from "./rollouts.ts"
import { firstTexts, readSamples, type Samples, type Sampling } from "./samples.ts"
import { isOfTokens, type LayerStates, statesOf, tokenFigures } from "./score-figures.ts"
import { readSplit } from "./text.ts"

/** One score in the summary of its stage. */
export interface StartScore {
  /** The score; of a score that reads states, at the last layer. */
  readonly score: number
  /** By number of layer, 0 is the embedding; left out of a score that reads no states. */
  readonly byLayer?: ReadonlyArray<readonly [layer: number, score: number]>
}

/** @error InvalidInput for classes that all have fewer states than a score can read */
const checkClasses = ({ C, class_N }: Samples, scores: ReadonlyMap<string, ScoreInstance>) => {
  const counts_C = new Int32Array(C)
  for (const c of class_N) counts_C[c]!++
  const largest = Math.max(...counts_C)
  const problems = [...scores].flatMap(([name, { least }]) =>
    largest < least
      ? [`${name} reads ${least} states a class, and the largest class has ${largest}; raise perClass`]
      : [],
  )
  return problems.length === 0 ? Effect.void : Effect.fail(new InvalidInput({ what: "scores", problems }))
}

/**
 * The stage of all scores of one model; its summary has a `StartScore` by name in `scores`.
 *
 * @param spec.layers the layers at which scores of states are computed
 */
export const startScoresStage = (spec: {
  readonly label: string
  readonly scores: Readonly<Record<string, ScoreUse>>
  readonly model: Stage
  readonly data: Stage
  readonly target: Stage
  readonly samples: Stage
  readonly sampling: Sampling
  readonly layers: "last" | "all"
  readonly seed: number
}) =>
  Effect.gen(function* () {
    const { label, scores, model, data, target, samples, sampling, layers, seed } = spec
    const { split, tokens } = sampling
    const instances = new Map(
      yield* Effect.forEach(Object.entries(scores), ([name, use]) =>
        Effect.map(use.instance, (instance) => [name, instance] as const),
      ),
    )
    const needs = new Set<ScoreFigure>([...instances.values()].flatMap((one) => one.needs))
    const ofTokens = [...needs].some(isOfTokens)
    return stage({
      kind: "start-score",
      label,
      config: { scores: yield* plainSpec(scores), split, layers, ...(ofTokens && { tokens }) },
      inputs: [model, partOf(data, split), samples, ...(needs.has("acceptance_M") ? [target] : [])],
      code: stageCode({ revisions: ["measuring"], tensors: true, plugins: Object.values(scores) }),
      seed,
      run: ({ inputs: [modelArtifact, dataArtifact, samplesArtifact, targetArtifact] }) =>
        Effect.gen(function* () {
          const opened = yield* openModel(modelArtifact!)
          const { examples } = yield* readSplit(dataArtifact!, split)
          const chosen = yield* readSamples(samplesArtifact!)
          yield* checkClasses(chosen, instances)
          const texts = firstTexts(examples, tokens)
          const ofTarget = targetArtifact && (yield* openModel(targetArtifact))
          const figures = ofTokens
            ? yield* decodingStep(label, (signal) => driven(tokenFigures(opened, texts, needs, ofTarget), signal))
            : {}
          const withLens = needs.has("lensAcceptance_N") || needs.has("lensAgreement_N")
          const states: ReadonlyArray<LayerStates> = [...needs].some(isOfLayer)
            ? yield* decodingStep(label, (signal) =>
                driven(statesOf(opened, examples, chosen, layers, withLens), signal),
              )
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
          const found: Record<string, StartScore> = {}
          for (const [name, { needs, of }] of instances) {
            const rng = () => seeded(seed, "score", name)
            if (!needs.some(isOfLayer)) {
              found[name] = { score: of({ ...common, d: architecture.hiddenSize, rng: rng() }) }
              continue
            }
            const byLayer: Array<readonly [layer: number, score: number]> = []
            for (const { layer, ...ofLayer } of states) {
              byLayer.push([layer, of({ ...common, ...ofLayer, rng: rng() })])
              yield* Effect.yieldNow // A stop does not wait for all layers of all scores.
            }
            found[name] = { score: byLayer.at(-1)![1], byLayer }
          }
          return { scores: found }
        }).pipe(Effect.scoped),
    })
  })
