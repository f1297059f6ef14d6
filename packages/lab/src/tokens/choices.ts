/**
 * A filter's choice among the tokens of some texts, with the statistics that it reads there.
 *
 * Letters: N tokens of all texts, M tokens of a micro-batch.
 */
import type { Draft, Encoder, FilterInstance, LossInstance, Statistic } from "@winnow/core"
import { collate } from "@winnow/data"
import type { Pieces } from "@winnow/generation"
import { choiceOf, headFor } from "@winnow/training"
import type { Texts } from "./texts.ts"

/** The inputs of a choice beside the texts. */
export interface Choosing {
  readonly draft: Draft
  readonly target?: Encoder | undefined
  readonly reference?: Encoder | undefined
  readonly filter: FilterInstance
  readonly loss: LossInstance
  /** Texts of a micro-batch, within which the filter decides. */
  readonly batchSize: number
  readonly step: number
  readonly steps: number
  readonly seed: number
}

/** A choice among N tokens. */
export interface ChosenTokens {
  /** 1 for a kept token. */
  readonly kept_N: Uint8Array
  /** NaN where the filter gives none. */
  readonly score_N: Float32Array | undefined
  /** By name; NaN where the draft does not predict the token. */
  readonly statistics: ReadonlyMap<string, Float32Array>
}

/** The filter, which tells the numbers that it reads. */
const telling = (
  filter: FilterInstance,
  tell: (of: { sequence_N: Int32Array; position_N: Int32Array; read: (name: Statistic) => Float32Array }) => void,
): FilterInstance => ({
  ...filter,
  select: (input) => {
    const { sequence_N, position_N } = input
    tell({ sequence_N, position_N, read: (name) => input[name] })
    return filter.select(input)
  },
})

/** Asks the filter, batch by batch, as a step of the training would. A generator for `driven`. */
export function* choicesOn({ texts, from, N }: Texts, choosing: Choosing): Pieces<ChosenTokens> {
  const { filter, loss, batchSize, ...rest } = choosing
  const kept_N = new Uint8Array(N)
  const score_N = new Float32Array(N).fill(Number.NaN)
  const weight_N = new Float32Array(N).fill(Number.NaN)
  const statistics = new Map(filter.needs.map((name) => [name as string, new Float32Array(N).fill(Number.NaN)]))
  const head = headFor({ filter, loss })
  let isRanked = false
  for (let first = 0, micro = 0; first < texts.length; first += batchSize, micro++) {
    const part = texts
      .slice(first, first + batchSize)
      .flatMap((text, i) => (text.tokens.length > 0 ? [{ text, index: first + i }] : []))
    if (part.length === 0) continue
    const batch = collate(
      part.map(({ text: { prompt, tokens } }) => ({
        ids: Int32Array.from([...prompt, ...tokens]),
        promptLength: prompt.length,
      })),
    )
    /** The place of a batch's token among all. */
    const placeOf = (b: number, position: number) => from[part[b]!.index]! + position - part[b]!.text.prompt.length
    const told = telling(filter, ({ sequence_N, position_N, read }) => {
      for (const name of filter.needs) {
        const value_M = read(name)
        for (const [m, b] of sequence_N.entries()) statistics.get(name)![placeOf(b, position_N[m]!)] = value_M[m]!
      }
    })
    const choice = choiceOf({ ...rest, filter: told, head, batch, micro })
    for (const [m, weight] of choice.weights_N.entries()) {
      const n = placeOf(batch.sequence_N[m]!, batch.position_N[m]!)
      kept_N[n] = weight > 0 ? 1 : 0
      weight_N[n] = weight
      if (choice.score_N) score_N[n] = choice.score_N[m]!
    }
    isRanked ||= choice.score_N !== undefined
    yield
  }
  if (weight_N.some((weight) => weight !== 0 && weight !== 1)) statistics.set("weight", weight_N)
  return { kept_N, score_N: isRanked ? score_N : undefined, statistics }
}
