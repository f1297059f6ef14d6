/** The target's acceptance of one draft: teacher-forced on the target's rollouts, and decoded against the clock. */
import { readFileSync, writeFileSync } from "node:fs"
import { loadavg } from "node:os"
import { join } from "node:path"
import { DataError, type HeadIds, type HeadUse, samplingOf } from "@winnow/core"
import {
  type Acceptance,
  type BlockCounts,
  type Evidence,
  estimateAcceptance,
  estimatedCounts,
  evidenceOnGreedy,
  evidenceOnSamples,
  headProposer,
  measureSpeedup,
  modelProposer,
  parameterRatio,
  type Speedup,
} from "@winnow/decoding"
import { driven, type Rollout } from "@winnow/generation"
import { Effect } from "effect"
import type { Measure } from "../experiment/resolved.ts"
import { type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import type { Artifact } from "../store/store.ts"
import { openDecoder, openOwnHead } from "./models.ts"
import { decodingStep, readRollouts } from "./rollouts.ts"
import { openTokenizer } from "./text.ts"

/** One draft length, with its counts by prompt: what intervals resample. */
export interface MeasuredLength {
  readonly gamma: number
  readonly greedy: Acceptance
  readonly sampled: Acceptance
  readonly greedyCounts: ReadonlyArray<BlockCounts>
  readonly sampledCounts: ReadonlyArray<BlockCounts>
}

/** A speed-up, and how busy the machine was. */
export interface TimedSpeedup extends Speedup {
  /** Processes that wanted a core in the minute before: where they are more than the cores, the figure says little. */
  readonly load: number
}

export interface Figures {
  readonly lengths: ReadonlyArray<MeasuredLength>
  /**
   * By prompt of the sampled rollouts: sum over positions of sum_v min(p_v, q_v), and the number of positions. Of a head
   * they are of the first token that it would propose there.
   */
  readonly overlap: ReadonlyArray<readonly [sum: number, positions: number]>
  /** The same of KL(p || q), nats, of the raw distributions. */
  readonly kl: ReadonlyArray<readonly [sum: number, positions: number]>
  /**
   * By prompt of the greedy rollouts: "1" where the draft's greedy choice is the target's token, else "0", position by
   * position as far as the draft's context reaches; of a head the first token that it would propose.
   */
  readonly agreement: ReadonlyArray<string>
  /**
   * Of a head, by prompt of the greedy rollouts: at each position the tokens that it proposes there, and how many of them
   * are the text's next ones, a character each in base 36. Decoding proposes nothing at the first position.
   */
  readonly replay?: { readonly proposed: ReadonlyArray<string>; readonly agreed: ReadonlyArray<string> }
  readonly parameterRatio: number
  /** Of a draft that can propose some ids only. */
  readonly vocabulary?: {
    readonly ids: number
    /** Tokens of the target's own texts that are other ids, and all tokens. */
    readonly greedy: readonly [outside: number, tokens: number]
    readonly sampled: readonly [outside: number, tokens: number]
  }
  /** Null where the clock was not asked for (starts and references), or no text is longer than a block. */
  readonly speedup: TimedSpeedup | null
}

/** Measures the draft of a training stage. `timed`: also decodes for real, greedy, at the table's draft length. */
export const measureStage = (spec: {
  readonly label: string
  readonly draft: Stage
  readonly target: Stage
  readonly tokenizer: Stage
  readonly greedy: Stage
  readonly sampled: Stage
  readonly measure: Measure
  readonly dataset: string
  readonly timed: boolean
  /** The head that the stage `draft` has in the place of a model. */
  readonly head?: HeadUse | undefined
}): Stage => {
  const { head, label, draft, target, tokenizer, greedy, sampled, measure, dataset, timed } = spec
  const gammas = [...new Set([...measure.gammas, measure.gamma])].toSorted((a, b) => a - b)
  const { gamma, timedPrompts, maxNew } = measure
  const sampling = samplingOf(measure)
  return stage({
    kind: "measure",
    label,
    config: { gammas, sampling, dataset, ...(timed ? { gamma, timedPrompts, maxNew } : {}) },
    inputs: [draft, target, tokenizer, greedy, sampled],
    code: stageCode({ revisions: ["measuring"], tensors: true, ...(head && { plugins: [head] }) }),
    unit: "parts",
    alone: timed,
    run: ({ directory, inputs: [draftArtifact, targetArtifact, words, greedyArtifact, sampledArtifact], progress }) =>
      Effect.gen(function* () {
        const targetModel = yield* openDecoder(targetArtifact!, "the target")
        const { eosId } = yield* openTokenizer(words!)
        const draftModel = head ? undefined : yield* openDecoder(draftArtifact!, "the draft")
        const proposer = draftModel
          ? modelProposer(draftModel)
          : headProposer(yield* openOwnHead(draftArtifact!, head!, targetModel, words))
        const rollouts = yield* readRollouts(greedyArtifact!)
        const own = yield* readRollouts(sampledArtifact!)
        const parts = timed ? 3 : 2
        const conditions = { eosId, longest: Math.max(...gammas) }
        // There is evidence for a model, and for a head, which reads the target's states.
        const onGreedy = yield* decodingStep(label, (signal) =>
          driven(evidenceOnGreedy(targetModel, proposer, rollouts, conditions)!, signal),
        )
        progress(1, parts, "greedy")
        const onSampled = yield* decodingStep(label, (signal) =>
          driven(evidenceOnSamples(targetModel, proposer, own, sampling, conditions)!, signal),
        )
        progress(2, parts, "sampled")
        const lengths = gammas.map(
          (g): MeasuredLength => ({
            gamma: g,
            greedy: estimateAcceptance(onGreedy, g, dataset),
            sampled: estimateAcceptance(onSampled, g, dataset),
            greedyCounts: estimatedCounts(onGreedy, g),
            sampledCounts: estimatedCounts(onSampled, g),
          }),
        )
        const sums = (values: ReadonlyArray<Float64Array>) =>
          values.map((x_T) => [x_T.reduce((a, b) => a + b, 0), x_T.length] as const)
        // A text of one block has no call to time but the one that reads the prompt.
        const timeable = rollouts.filter(({ tokens }) => tokens.length > gamma + 1).slice(0, timedPrompts)
        const load = loadavg()[0]!
        const speedup =
          timed && timeable.length > 0
            ? yield* decodingStep(label, (signal) =>
                measureSpeedup(
                  targetModel,
                  proposer,
                  timeable.map(({ prompt }) => prompt),
                  { draftLength: gamma, temperature: 0, maxNew, eosId },
                  {},
                  { signal, onProgress: (p) => progress(2 + p.finished / p.prompts, parts, "against the clock") },
                ),
              )
            : null
        const headIds = draftModel?.headIds
        const outside = (texts: ReadonlyArray<Rollout>, { row_V }: HeadIds) =>
          texts.reduce<[number, number]>(
            ([n, of], { tokens }) => [n + tokens.filter((id) => row_V[id]! < 0).length, of + tokens.length],
            [0, 0],
          )
        const figures: Figures = {
          ...(headIds && {
            vocabulary: {
              ids: headIds.id_U.length,
              greedy: outside(rollouts, headIds),
              sampled: outside(own, headIds),
            },
          }),
          lengths,
          overlap: sums(onSampled.overlap!),
          kl: sums(onSampled.kl!),
          agreement: agreementOf(onGreedy),
          ...(onGreedy.kind === "replay" && {
            replay: { proposed: digits(onGreedy.proposed), agreed: digits(onGreedy.agreed) },
          }),
          parameterRatio: parameterRatio(targetModel, proposer),
          speedup: speedup && { ...withoutRuns(speedup), load },
        }
        writeFileSync(join(directory, file), JSON.stringify(figures))
        const table = lengths.find((l) => l.gamma === gamma)!
        return {
          greedyAcceptance: table.greedy.acceptance?.pooled ?? null,
          blockEfficiency: table.greedy.blockEfficiency?.pooled ?? null,
          speedup: speedup?.speedup ?? null,
        }
      }).pipe(Effect.scoped),
  })
}

/** At each position "1" where the draft's greedy choice is the target's token. */
const agreementOf = (evidence: Evidence): ReadonlyArray<string> => {
  if (evidence.kind === "replay") return digits(evidence.agreed.map((agreed_T) => agreed_T.map((n) => Math.min(1, n))))
  return evidence.kind === "pass"
    ? evidence.chance.map((bits_T, i) => bits_T.subarray(0, evidence.readable[i]).join(""))
    : [] // of samples alone
}

/** Small counts as one character each, in base 36. */
const digits = (counts: ReadonlyArray<Int32Array>): ReadonlyArray<string> =>
  counts.map((n_T) => Array.from(n_T, (n) => Math.min(35, n).toString(36)).join(""))

const file = "figures.json"

/** Expected acceptance of a finished measurement, over all positions; null where none was measured. */
export const expectedAt = (directory: string): number | null => {
  const { overlap } = JSON.parse(readFileSync(join(directory, file), "utf8")) as Figures
  const [sum, count] = overlap.reduce(([s, n], [x, m]) => [s + x, n + m], [0, 0])
  return count === 0 ? null : sum / count
}

const withoutRuns = ({ runs: _, ...summary }: Awaited<ReturnType<typeof measureSpeedup>>): Speedup => summary

/** The figures of a measurement. */
export const readFigures = (artifact: Artifact): Effect.Effect<Figures, DataError> =>
  Effect.try({
    try: () => JSON.parse(readFileSync(join(artifact.directory, file), "utf8")) as Figures,
    catch: (error) =>
      new DataError({ message: `${artifact.directory}/${file}: ${String(error)}; run with --fresh`, cause: error }),
  })
