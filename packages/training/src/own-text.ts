/**
 * Text of the draft itself: before each step the draft, as it is, writes the answers of a share of the step's sequences
 * anew. No gradient goes through the writing.
 *
 * Draws are a function of seed and step, and the text one of the weights, so that a resumed stage reads the same texts.
 *
 * Letters: B sequences of a batch.
 *
 * @source Agarwal et al. 2024, arXiv 2306.13649, Algorithm 1 (a share of a batch in the place of whole batches)
 */
import { asDecoder, draftModel, type EncodedExample, firstTrained, InvalidInput, type StepState } from "@winnow/core"
import type { Batch, BatchSource } from "@winnow/data"
import { type ContinuationOptions, continuations } from "@winnow/generation"
import { permutation, seeded } from "@winnow/numerics"
import { type } from "arktype"

/** The text that a draft writes, and its share of the sequences. */
export interface OwnText {
  /** Share of the sequences whose answer the draft writes, above 0 to 1. */
  readonly share: number
  /** Most tokens of a sequence, its prompt included: a longer text is cut. */
  readonly maxLength: number
  readonly writing: ContinuationOptions
  /** Seed of the draws, beside the stage's. */
  readonly seed: number
}

const counts = type({ "+": "reject", read: "number.integer >= 0", written: "number.integer >= 0" })
/** Tokens of prompts that the draft has read to write, and tokens that it has written. */
export type WritingCounts = typeof counts.infer

/** A source of batches with text of the draft, and the state that writes it. */
export interface OwnTextSource {
  readonly batches: BatchSource
  readonly state: StepState
  readonly counts: () => WritingCounts
}

/** The sequences of a batch that the draft writes: their number keeps to the share over the batches, a draw says which. */
const chosenRows = (B: number, share: number, batch: number, seed: number): ReadonlyArray<number> => {
  const until = (batches: number) => Math.floor(batches * B * share + 1e-9)
  const rows = permutation(B, seeded(seed, "own text", "rows", batch))
  return [...rows.subarray(0, until(batch + 1) - until(batch))].sort((a, b) => a - b)
}

/**
 * Batches with text of the draft, which its state writes before each step.
 *
 * @param seed the stage's
 * @error InvalidInput for a share or a length out of range; in a step, for a draft that writes no text
 */
export const ownText = (
  batches: BatchSource,
  { share, maxLength, writing, seed: own }: OwnText,
  { seed, microBatches }: { readonly seed: number; readonly microBatches: number },
): OwnTextSource => {
  const problems = [
    ...(share > 0 && share <= 1 ? [] : [`share is ${share}; expected a number above 0, at most 1`]),
    ...(Number.isInteger(maxLength) && maxLength >= 2 ? [] : [`maxLength is ${maxLength}; expected an integer from 2`]),
  ]
  if (problems.length > 0) throw new InvalidInput({ what: "text of the draft", problems })
  let done: WritingCounts = { read: 0, written: 0 }
  let present: ReadonlyMap<number, Batch> = new Map()

  const before: StepState["before"] = (step, draft) => {
    const model = asDecoder(draftModel(draft), "the draft")
    const numbers = Array.from({ length: microBatches }, (_, micro) => step * microBatches + micro)
    const sequences = new Map(numbers.map((number) => [number, [...batches.sequences(number)]]))
    const places = numbers.flatMap((number) =>
      chosenRows(batches.batchSize, share, number, seed).map((row) => ({ number, row })),
    )
    const prompts = places.map(({ number, row }) => {
      const { ids, promptLength } = sequences.get(number)![row]!
      return ids.subarray(0, firstTrained(promptLength))
    })
    const rollouts =
      prompts.length === 0 ? [] : continuations(model, prompts, writing, seeded(seed, "own text", own, step))
    for (const [i, { prompt, tokens }] of rollouts.entries()) {
      const { number, row } = places[i]!
      const text: EncodedExample = {
        ids: Int32Array.from([...prompt, ...tokens.subarray(0, maxLength - prompt.length)]),
        promptLength: prompt.length,
      }
      sequences.get(number)![row] = text
      done = { read: done.read + prompt.length, written: done.written + tokens.length }
    }
    present = new Map(numbers.map((number) => [number, batches.batch(number, sequences.get(number)!)]))
  }

  return {
    batches: {
      ...batches,
      batch: (number) => {
        const batch = present.get(number)
        if (batch === undefined) throw new Error(`batch ${number} has no text: the draft writes it before its step`)
        return batch
      },
    },
    state: {
      before,
      save: () => done,
      restore: (saved) => {
        const read = counts(saved)
        if (read instanceof type.errors) throw new InvalidInput({ what: "text of the draft", problems: [read.summary] })
        done = read
      },
    },
    counts: () => done,
  }
}
