/** The target's acceptance of a draft that proposes trees: decoded on the run's texts, greedy and sampled, and timed. */
import { samplingOf } from "@winnow/core"
import {
  depthOfShape,
  measureSpeedup,
  parameterRatio,
  type SpeculativeCounts,
  speculate,
  type TreeOption,
  treeProposer,
} from "@winnow/decoding"
import type { Rollout } from "@winnow/generation"
import type { Cell } from "@winnow/numerics"
import { Effect } from "effect"
import type { Measure } from "../experiment/resolved.ts"
import { type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import { openDecoder } from "./models.ts"
import { decodingStep, readRollouts } from "./rollouts.ts"
import { openTokenizer } from "./text.ts"

/** Counts of one way of decoding: a cell a prompt. */
export interface TreeCounts {
  /** Tokens over target calls: tau. */
  readonly emitted: ReadonlyArray<Cell>
  /** Accepted over tested places. */
  readonly accepted: ReadonlyArray<Cell>
  /** Proposed tokens over target calls. */
  readonly proposed: ReadonlyArray<Cell>
  /** Accepted and judged tokens by the number of siblings before them, of all prompts. */
  readonly byRank: ReadonlyArray<Cell>
  /** Accepted and tested places by depth, of all prompts. */
  readonly byPlace: ReadonlyArray<Cell>
}

/** The summary of such a stage. */
export interface TreeSummary {
  /** The longest path. */
  readonly gamma: number
  readonly greedy: TreeCounts
  readonly sampled: TreeCounts
  /** [round][prompt]: seconds a token of the target alone over those with the tree; null where no text could be timed. */
  readonly ratios: ReadonlyArray<ReadonlyArray<number>> | null
  /** Of a target call on one token, on a tree, and of all calls of the draft for a tree. */
  readonly seconds: { readonly target: number; readonly verify: number; readonly propose: number } | null
  /** c: parameters of the draft / of the target. */
  readonly parameterRatio: number
  /** Of how many timed texts, of `timed`, the greedy text is the target's own. */
  readonly identical: number
  readonly timed: number
}

/** Pairs of two lists of numbers, summed over prompts, by place. */
const summed = (
  counts: ReadonlyArray<SpeculativeCounts>,
  accepted: "acceptedRank" | "acceptedAt",
  tested: "testedRank" | "testedAt",
): ReadonlyArray<Cell> => {
  const most = Math.max(0, ...counts.map((of) => of[tested].length))
  const sum = (key: typeof accepted | typeof tested, i: number) => counts.reduce((s, of) => s + (of[key][i] ?? 0), 0)
  return Array.from({ length: most }, (_, i) => [sum(accepted, i), sum(tested, i)])
}

const countsOf = (counts: ReadonlyArray<SpeculativeCounts>): TreeCounts => ({
  emitted: counts.map((of) => [of.emitted, of.blocks]),
  accepted: counts.map((of) => [of.accepted, of.accepted + of.rejected]),
  proposed: counts.map((of) => [of.proposed, of.blocks]),
  byRank: summed(counts, "acceptedRank", "testedRank"),
  byPlace: summed(counts, "acceptedAt", "testedAt"),
})

/**
 * Decodes the prompts of the target's texts with a tree. A dynamic shape without a depth has the run's gamma.
 *
 * @error InvalidInput for a shape that is none
 */
export const treeStage = (spec: {
  readonly label: string
  readonly tree: TreeOption
  readonly draft: Stage
  readonly target: Stage
  readonly tokenizer: Stage
  readonly greedy: Stage
  readonly sampled: Stage
  readonly measure: Measure
}): Stage => {
  const { label, tree, draft, target, tokenizer, greedy, sampled, measure } = spec
  const { timedPrompts, maxNew, seed } = measure
  const sampling = samplingOf(measure)
  const gamma = depthOfShape(tree) ?? measure.gamma
  return stage({
    kind: "tree",
    label,
    config: { tree: { ...tree }, gamma, sampling, timedPrompts, maxNew, seed },
    inputs: [draft, target, tokenizer, greedy, sampled],
    code: stageCode({ revisions: ["measuring"], tensors: true }),
    unit: "parts",
    alone: true,
    run: ({ inputs: [draftArtifact, targetArtifact, words, greedyArtifact, sampledArtifact], progress }) =>
      Effect.gen(function* () {
        const proposer = treeProposer(yield* openDecoder(draftArtifact!, "the draft"), tree)
        const model = yield* openDecoder(targetArtifact!, "the target")
        const { eosId } = yield* openTokenizer(words!)
        const texts = yield* readRollouts(greedyArtifact!)
        const own = yield* readRollouts(sampledArtifact!)
        const decoded = (of: ReadonlyArray<Rollout>, how: Parameters<typeof speculate>[3]) =>
          decodingStep(label, async (signal) => {
            const prompts = of.map(({ prompt }) => prompt)
            return countsOf((await speculate(model, proposer, prompts, how, { signal })).map(({ counts }) => counts))
          })
        const options = { draftLength: gamma, maxNew, eosId, seed }
        const onGreedy = yield* decoded(texts, options)
        progress(1, 3, "greedy")
        const onSamples = yield* decoded(own, { ...options, ...sampling })
        progress(2, 3, "sampled")
        // A text of one block has no call to time but the one that reads the prompt.
        const timeable = texts.filter(({ tokens }) => tokens.length > gamma + 1).slice(0, timedPrompts)
        const prompts = timeable.map(({ prompt }) => prompt)
        const timed =
          timeable.length === 0
            ? null
            : yield* decodingStep(label, (signal) =>
                measureSpeedup(
                  model,
                  proposer,
                  prompts,
                  options,
                  {},
                  {
                    signal,
                    onProgress: (p) => progress(2 + p.finished / p.prompts, 3, "against the clock"),
                  },
                ),
              )
        const summary: TreeSummary = {
          gamma,
          greedy: onGreedy,
          sampled: onSamples,
          ratios: timed?.ratios ?? null,
          seconds: timed && {
            target: timed.seconds.target,
            verify: timed.seconds.verify,
            propose: timed.seconds.draft * timed.proposedPerCall,
          },
          parameterRatio: parameterRatio(model, proposer),
          identical: timed?.identity?.identical ?? 0,
          timed: timeable.length,
        }
        return { ...summary }
      }).pipe(Effect.scoped),
  })
}
