/**
 * The ways in which a model computes the hidden states of some sequences: all must give the same numbers.
 *
 * Letters: B sequences, T positions, d columns of a hidden state.
 */
import { type Decoder, type Decoding, type Encoder, isDecoder, rowLogits, vocabularyHead } from "@winnow/core"
import { paddedStarts, plainDecoding } from "@winnow/models"
import { tf, withoutNative } from "@winnow/tensor"

type Row = ReadonlyArray<number>

/** Hidden states of each token of each sequence, [tokens, d] each, by the way of their computation. */
export type Passes = ReadonlyMap<string, () => ReadonlyArray<Float32Array>>

const run = (model: Encoder, rows: ReadonlyArray<Row>, start?: Int32Array): Float32Array =>
  tf.tidy(() => {
    const ids = tf.tensor2d(rows as Array<Array<number>>, undefined, "int32")
    return model.hidden(ids, start).dataSync().slice() as Float32Array
  })

const alone = (model: Encoder, rows: ReadonlyArray<Row>) => rows.map((row) => run(model, [row]))

/** A batch of rows with padding on the right. */
const padded = (model: Encoder, rows: ReadonlyArray<Row>, named: boolean) => {
  const [T, d] = [Math.max(...rows.map((row) => row.length)), model.architecture.hiddenSize]
  const filled = rows.map((row) => [...row, ...Array.from({ length: T - row.length }, () => 0)])
  const start = paddedStarts(
    rows.map((row) => row.length),
    T,
  )
  const h = run(model, filled, named ? start : undefined)
  return rows.map((row, b) => h.subarray(b * T * d, (b * T + row.length) * d))
}

/** All sequences in one row, followed by two positions of padding. */
const packed = (model: Encoder, rows: ReadonlyArray<Row>) => {
  const d = model.architecture.hiddenSize
  const starts = rows.map((_, b) => rows.slice(0, b).reduce((sum, row) => sum + row.length, 0))
  const length = starts.at(-1)! + rows.at(-1)!.length
  const start = [...rows.flatMap((row, b) => row.map(() => starts[b]!)), length + 1, length + 2]
  const h = run(model, [[...rows.flat(), 0, 0]], Int32Array.from(start))
  return rows.map((row, b) => h.subarray(starts[b]! * d, (starts[b]! + row.length) * d))
}

/** Over a cache: rows that end together, with padding on the left; some positions are rolled back and decoded again. */
const decoded = (model: Decoder, rows: ReadonlyArray<Row>, begin: (pad_B: Int32Array) => Decoding) => {
  const [T, d] = [Math.max(...rows.map((row) => row.length)), model.architecture.hiddenSize]
  const pad_B = rows.map((row) => T - row.length)
  const filled = rows.map((row, b) => [...Array.from({ length: pad_B[b]! }, () => 0), ...row])
  const actual = rows.map(() => new Float32Array(T * d))
  const decoding = begin(Int32Array.from(pad_B))
  const extend = (from: number, to: number, as = filled) => {
    const h = tf.tidy(() => {
      const ids = as.map((row) => row.slice(from, to))
      return decoding
        .extend(tf.tensor2d(ids, undefined, "int32"))
        .dataSync()
        .slice()
    })
    for (const [b, row] of actual.entries())
      row.set(h.subarray(b * (to - from) * d, (b + 1) * (to - from) * d), from * d)
  }
  const wrong = filled.map((row) => row.map((id) => (id + 1) % model.architecture.vocabularySize))
  extend(0, T - 5)
  extend(T - 5, T - 1, wrong)
  decoding.rollback(T - 5)
  extend(T - 5, T - 3)
  extend(T - 3, T - 2)
  extend(T - 2, T - 1, wrong)
  decoding.rollback(T - 2)
  for (const t of [T - 2, T - 1]) extend(t, t + 1)
  decoding.dispose()
  return actual.map((row, b) => row.subarray(pad_B[b]! * d))
}

const plain = (model: Decoder) => (pad_B?: Int32Array) => plainDecoding(model.architecture, model.parameters, pad_B)

/** Every way for these sequences; their last five tokens are decoded in pieces. */
export const passesOf = (model: Encoder, rows: ReadonlyArray<Row>): Passes => {
  const ways: Array<[string, () => ReadonlyArray<Float32Array>]> = [
    ["each alone", () => alone(model, rows)],
    ["each alone, plain", () => withoutNative(() => alone(model, rows))],
    ["padded on the right", () => padded(model, rows, true)],
    ["packed in one row", () => packed(model, rows)],
    ["packed in one row, plain", () => withoutNative(() => packed(model, rows))],
  ]
  if (isDecoder(model))
    ways.push(
      ["padded on the right, starts not named", () => padded(model, rows, false)],
      ["decoded, padded on the left", () => decoded(model, rows, (pad_B) => model.decoding(pad_B))],
      ["decoded, padded on the left, plain", () => withoutNative(() => decoded(model, rows, plain(model)))],
      ["one decoded", () => [rows[0]!].flatMap((row) => decoded(model, [row], () => model.decoding()))],
    )
  return new Map(ways)
}

/**
 * Texts of one length that begin with the given tokens and continue by the largest logit over a cache; natively, or by
 * TensorFlow's ops.
 */
export const greedyTexts = (
  model: Decoder,
  prompts: ReadonlyArray<Row>,
  length: number,
  natively: boolean,
): ReadonlyArray<Row> => {
  const write = () => {
    const decoding = natively ? model.decoding() : plain(model)()
    let [rows, next] = [prompts, prompts]
    while (rows[0]!.length < length) {
      const chosen = tf.tidy(() => {
        const h_BTd = decoding.extend(tf.tensor2d(next as Array<Array<number>>, undefined, "int32"))
        const [B, T, d] = h_BTd.shape
        const last_Bd = tf.reshape(tf.slice(h_BTd, [0, T - 1, 0], [B, 1, d]), [B, d]) as tf.Tensor2D
        return [...tf.argMax(rowLogits(last_Bd, vocabularyHead(model)), 1).dataSync()]
      })
      next = chosen.map((id) => [id])
      rows = rows.map((row, b) => [...row, chosen[b]!])
    }
    decoding.dispose()
    return rows
  }
  return natively ? write() : withoutNative(write)
}
