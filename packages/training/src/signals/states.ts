/**
 * The frozen target's hidden states at all positions that it reads, for heads that are trained on them: from a cache in
 * the place of a pass of the target in each step.
 *
 * Letters: B rows, T positions, S sequences, w columns of a state, D hidden size of the target, d columns between its layers.
 */
import {
  type Architecture,
  type Attends,
  DataError,
  type DraftHead,
  type EncodedExample,
  type Encoder,
  type InvalidInput,
  type Seen,
} from "@winnow/core"
import type { Batch } from "@winnow/data"
import { fromBfloat16, toBfloat16 } from "@winnow/numerics"
import { fillTensor, readTensor, tf } from "@winnow/tensor"
import type { Effect } from "effect"
import { targetStates } from "../target-states.ts"
import { readTokens } from "./covered.ts"
import type { SignalsHeader } from "./header.ts"
import type { OpenSignals } from "./read.ts"
import { type WriteOptions, writeSignals } from "./write.ts"

/** The bits of a stored number. float32 are the numbers of a pass; bfloat16 has half their size, and rounds them. */
export type StatesPrecision = "float32" | "bfloat16"

/** The states of each position in a cache, side by side. */
export interface StatesForm {
  readonly precision: StatesPrecision
  /** True if those after the final norm are there, which come first. */
  readonly last: boolean
  /** Layers whose states follow, as `Architecture.hiddenByLayer` numbers them. */
  readonly layers: ReadonlyArray<number>
}

/** The states that a step reads in the place of a pass of the target. */
export interface CachedStates {
  readonly form: StatesForm
  /**
   * The states of a batch, as a pass of the target gives them, and 0 at padding. They belong to the caller's tidy.
   *
   * @error DataError (thrown) for a damaged cache, and for a batch with other tokens than the data
   */
  readonly of: (batch: Batch) => Partial<Pick<Seen, "targetHidden" | "targetLayers">>
}

type Sizes = Pick<Architecture<Attends>, "hiddenSize" | "streamSize">

/** The reason why these states cannot serve a head; undefined if they can. */
export const statesProblem = (
  { reads, layers = [], readsLast = true }: DraftHead,
  form: StatesForm,
): string | undefined => {
  const lacks = [
    ...(readsLast && reads.includes("targetHidden") && !form.last ? ["the last state"] : []),
    ...layers.filter((layer) => !form.layers.includes(layer)).map((layer) => `layer ${layer}`),
  ]
  if (lacks.length === 0) return undefined
  return `it reads ${lacks.join(" and ")} of the target, and the stored states are ${statesName(form)}`
}

/** The states of a position in their order: their layer, undefined after the final norm; their columns, and the first. */
const partsOf = ({ last, layers }: StatesForm, { hiddenSize: D, streamSize: d = D }: Sizes) => {
  let at = 0
  return [...(last ? [undefined] : []), ...layers].map((layer) => {
    const part = { layer, w: layer === undefined ? D : d, at }
    at += part.w
    return part
  })
}

/** Numbers of a position. */
const columnsOf = (form: StatesForm, sizes: Sizes): number => partsOf(form, sizes).reduce((sum, { w }) => sum + w, 0)

/** Bytes of a position. */
export const stateBytes = (form: StatesForm, sizes: Sizes): number =>
  columnsOf(form, sizes) * (form.precision === "float32" ? 4 : 2)

/** For labels: "last and layers 2, 4 in float32". */
export const statesName = ({ precision, last, layers }: StatesForm): string => {
  const between = layers.length === 0 ? [] : [`layer${layers.length === 1 ? "" : "s"} ${layers.join(", ")}`]
  return `${[...(last ? ["last"] : []), ...between].join(" and ")} in ${precision}`
}

/** The states of a batch's positions as bytes, sequence by sequence. Frees its tensors. */
const encodeStates = (form: StatesForm, target: Encoder, batch: Batch): Uint8Array => {
  const { B, T, length_B, tokens } = batch
  const parts = partsOf(form, target.architecture)
  const columns = columnsOf(form, target.architecture)
  const values = new Float32Array(tokens * columns)
  tf.tidy(() => {
    const ids_BT = tf.tensor2d(batch.ids_BT, [B, T], "int32")
    const { targetHidden, targetLayers } = targetStates(target, batch, ids_BT, form.layers)
    for (const { layer, w, at } of parts)
      readTensor(layer === undefined ? targetHidden : targetLayers.get(layer)!, (all) => {
        const x_BTw = all as Float32Array
        let n = 0
        for (const [b, length] of length_B.entries())
          for (let t = 0; t < length; t++, n++)
            values.set(x_BTw.subarray((b * T + t) * w, (b * T + t + 1) * w), n * columns + at)
      })
  })
  if (form.precision === "float32") return new Uint8Array(values.buffer)
  const halves = new Uint16Array(values.length)
  toBfloat16(values, halves)
  return new Uint8Array(halves.buffer)
}

/** Writes the target's states for all examples of a data set. @error DataError as `writeSignals` */
export const makeStates = (
  options: Omit<WriteOptions, "bytesPerToken" | "encode" | "table" | "covered"> & {
    readonly target: Encoder
    readonly form: StatesForm
  },
): Effect.Effect<SignalsHeader, DataError | InvalidInput> => {
  const { target, form } = options
  return writeSignals({
    ...options,
    covered: readTokens,
    bytesPerToken: stateBytes(form, target.architecture),
    encode: (batch) => encodeStates(form, target, batch),
  })
}

/**
 * The flat index b T + t of each sequence's first position, [S].
 *
 * @error DataError (thrown) where the sequence there has other tokens than its example
 */
const firstPositions = (batch: Batch, examples: ReadonlyArray<EncodedExample>): Int32Array => {
  const { row_N, sequence_N, position_N, ids_BT, example_B } = batch
  // A row before its token; every sequence has one.
  const first_S = new Int32Array(example_B.length)
  for (const [n, s] of sequence_N.entries()) first_S[s] = row_N[n]! - position_N[n]! + 1
  for (const [s, e] of example_B.entries()) {
    const { ids } = examples[e]!
    for (let t = 0; t < ids.length - 1; t++)
      if (ids_BT[first_S[s]! + t] !== ids[t])
        throw new DataError({
          message:
            `a batch reads other tokens than example ${e} of the data, whose states are stored; ` +
            "take an objective that leaves the tokens as they are, or leave signals.states out",
        })
  }
  return first_S
}

/**
 * The states of a cache, for the steps of a stage.
 *
 * @param signals opened for `readTokens`
 * @param examples the data set
 */
export const cachedStates = (
  signals: OpenSignals,
  form: StatesForm,
  examples: ReadonlyArray<EncodedExample>,
  sizes: Sizes,
): CachedStates => {
  const parts = partsOf(form, sizes)
  const columns = columnsOf(form, sizes)
  /** One part of all positions, [B, T, w]. */
  const read = (batch: Batch, first_S: Int32Array, { w, at }: (typeof parts)[number]) =>
    fillTensor([batch.B, batch.T, w], "float32", (filled) => {
      const values = filled as Float32Array
      if (batch.tokens < batch.B * batch.T) values.fill(0)
      signals.rows(batch, (bytes, _, s) => {
        const into = first_S[s]! * w
        if (form.precision === "float32") {
          const from = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
          if (w === columns) return values.set(from, into)
          for (let t = 0; t * columns < from.length; t++)
            values.set(from.subarray(t * columns + at, t * columns + at + w), into + t * w)
          return
        }
        const from = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)
        for (let t = 0; t * columns < from.length; t++)
          fromBfloat16(
            from.subarray(t * columns + at, t * columns + at + w),
            values.subarray(into + t * w, into + (t + 1) * w),
          )
      })
    }) as tf.Tensor3D
  return {
    form,
    of: (batch) => {
      const first_S = firstPositions(batch, examples)
      const states = parts.map((part) => [part.layer, read(batch, first_S, part)] as const)
      return {
        ...(form.last && { targetHidden: states[0]![1] }),
        targetLayers: new Map(states.flatMap(([layer, x]) => (layer === undefined ? [] : [[layer, x] as const]))),
      }
    },
  }
}
