/** The target's acceptance of a proposer that no arm trains: on the same texts and settings as the drafts of the run. */
import { type InvalidInput, type ProposerUse, samplingOf } from "@winnow/core"
import {
  type BlockCounts,
  estimatedCounts,
  evidenceOnGreedy,
  evidenceOnSamples,
  measureSpeedup,
  parameterRatio,
  speculate,
} from "@winnow/decoding"
import { driven, type Rollout } from "@winnow/generation"
import type { Cell } from "@winnow/numerics"
import { Effect } from "effect"
import { plain } from "../experiment/plain-json.ts"
import type { Measure } from "../experiment/resolved.ts"
import { type Stage, stage } from "../stage.ts"
import { estimate } from "../statistics/interval.ts"
import { medianOfRounds, pooled, type Sample } from "../statistics/sample.ts"
import { stageCode } from "../store/code/stage-code.ts"
import { openDecoder } from "./models.ts"
import { decodingStep, readRollouts } from "./rollouts.ts"
import { openTokenizer } from "./text.ts"

/** A figure with its 95 % interval for other prompts; null where there is none, as JSON has no NaN. */
export interface ProposerFigure {
  readonly value: number | null
  readonly low: number | null
  readonly high: number | null
}

/** The summary of such a stage. */
export interface ProposerSummary {
  readonly greedyAcceptance: ProposerFigure
  readonly blockEfficiency: ProposerFigure
  readonly sampledBlockEfficiency: ProposerFigure
  /** Null where only decoding tells. */
  readonly expectedAcceptance: ProposerFigure | null
  readonly speedup: ProposerFigure | null
  readonly parameterRatio: number
  /** Of how many timed texts, of `timed`, the greedy text is the target's own. */
  readonly identical: number
  readonly timed: number
}

/** One seed: a proposer that is not trained has no other. */
const only = <A>(value: A): ReadonlyMap<number, A> => new Map([[0, value]])

const finite = (x: number): number | null => (Number.isFinite(x) ? x : null)

const figureOf = (sample: Sample): ProposerFigure => {
  const { value, low, high } = estimate(sample)
  return { value: finite(value), low: finite(low), high: finite(high) }
}

const ratioOf = (counts: ReadonlyArray<BlockCounts>, cell: (counts: BlockCounts) => Cell) =>
  figureOf(pooled(only(counts.map(cell))))
const accepted = ({ accepted, rejected }: BlockCounts): Cell => [accepted, accepted + rejected]
const emitted = ({ emitted, blocks }: BlockCounts): Cell => [emitted, blocks]
const summed = (x_T: Float64Array): Cell => [x_T.reduce((a, b) => a + b, 0), x_T.length]

/**
 * Measures a proposer at the run's gamma: from the target's texts by a pass or a replay where it allows one, else by decoding
 * the same prompts; then against the clock.
 *
 * @error InvalidInput for its options
 */
export const proposerStage = (spec: {
  readonly label: string
  readonly proposer: ProposerUse
  readonly target: Stage
  readonly tokenizer: Stage
  readonly greedy: Stage
  readonly sampled: Stage
  readonly measure: Measure
}): Effect.Effect<Stage, InvalidInput> =>
  Effect.gen(function* () {
    const { label, proposer: use, target, tokenizer, greedy, sampled, measure } = spec
    const { gamma, timedPrompts, maxNew, seed } = measure
    const sampling = samplingOf(measure)
    return stage({
      kind: "proposer",
      label,
      config: { proposer: yield* plain(use), gamma, sampling, timedPrompts, maxNew, seed },
      inputs: [target, tokenizer, greedy, sampled],
      code: stageCode({ revisions: ["measuring"], tensors: true, plugins: [use] }),
      unit: "parts",
      alone: true,
      run: ({ inputs: [targetArtifact, words, greedyArtifact, sampledArtifact], progress }) =>
        Effect.gen(function* () {
          const model = yield* openDecoder(targetArtifact!, "the target")
          const proposer = yield* use.instance
          const { eosId } = yield* openTokenizer(words!)
          const conditions = { eosId, longest: gamma }
          const texts = yield* readRollouts(greedyArtifact!)
          const own = yield* readRollouts(sampledArtifact!)
          const decoded = (of: ReadonlyArray<Rollout>, how: typeof sampling) =>
            decodingStep(label, async (signal) => {
              const prompts = of.map(({ prompt }) => prompt)
              const options = { draftLength: gamma, maxNew, eosId, seed, ...how }
              return (await speculate(model, proposer, prompts, options, { signal })).map(({ counts }) => counts)
            })
          const passes = {
            greedy: evidenceOnGreedy(model, proposer, texts, conditions),
            sampled: evidenceOnSamples(model, proposer, own, sampling, conditions),
          }
          const onGreedy = passes.greedy && (yield* decodingStep(label, (signal) => driven(passes.greedy!, signal)))
          const greedyCounts = onGreedy
            ? estimatedCounts(onGreedy, gamma)
            : yield* decoded(texts, { temperature: 0 } as typeof sampling)
          progress(1, 3, "greedy")
          const onSamples = passes.sampled && (yield* decodingStep(label, (signal) => driven(passes.sampled!, signal)))
          const sampledCounts = onSamples ? estimatedCounts(onSamples, gamma) : yield* decoded(own, sampling)
          progress(2, 3, "sampled")
          // A text of one block has no call to time but the one that reads the prompt.
          const timeable = texts.filter(({ tokens }) => tokens.length > gamma + 1).slice(0, timedPrompts)
          const timed =
            timeable.length > 0
              ? yield* decodingStep(label, (signal) =>
                  measureSpeedup(
                    model,
                    proposer,
                    timeable.map(({ prompt }) => prompt),
                    { draftLength: gamma, temperature: 0, maxNew, eosId },
                    {},
                    { signal, onProgress: (p) => progress(2 + p.finished / p.prompts, 3, "against the clock") },
                  ),
                )
              : null
          const summary: ProposerSummary = {
            greedyAcceptance: ratioOf(greedyCounts, accepted),
            blockEfficiency: ratioOf(greedyCounts, emitted),
            sampledBlockEfficiency: ratioOf(sampledCounts, emitted),
            expectedAcceptance: onSamples?.overlap ? figureOf(pooled(only(onSamples.overlap.map(summed)))) : null,
            speedup: timed && figureOf(medianOfRounds(only(timed.ratios))),
            parameterRatio: parameterRatio(model, proposer),
            identical: timed?.identity?.identical ?? 0,
            timed: timeable.length,
          }
          return { ...summary }
        }).pipe(Effect.scoped),
    })
  })
