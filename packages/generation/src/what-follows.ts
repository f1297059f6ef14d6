/**
 * Next tokens by a model: greedy choices or distributions, natively where decoding is native.
 *
 * A head with fewer rows than the model has ids gives its rows' ids, and probability 0 to the other ids.
 *
 * Letters: B sequences, T new positions, R = B rows, V vocabulary, U rows of the head.
 */
import {
  type Choices,
  type Decoder,
  type Decoding,
  type DistributionRows,
  headRowsOf,
  type LogitRows,
  type Probable,
  type Sampling,
  type StatePart,
} from "@winnow/core"
import { tf } from "@winnow/tensor"
import { argmaxRows, argmaxWithMargin, idsTensor, lastLogits, row } from "./head.ts"
import { adjusted, draw, restricted } from "./sampling.ts"

/**
 * Extends a decoding state by tokens and returns the most probable token after each of the last `rows` positions.
 *
 * @param ids_BT B times T ids
 * @param parents of the last tokens, which are nodes of a tree: see `Decoding.extend`
 */
export const choicesAfter = (
  model: Decoder,
  decoding: Decoding,
  ids_BT: Int32Array,
  B: number,
  rows: number,
  margins: boolean,
  parents?: Int32Array,
): Choices => {
  if (decoding.quick !== undefined) return withIds(model, decoding.quick.greedy(ids_BT, B, rows, margins, parents))
  let choices: Choices | undefined
  tf.tidy(() => {
    const logits_RU = lastLogits(model, decoding.extend(idsTensor(ids_BT, B, ids_BT.length / B), parents), rows)
    choices = margins ? argmaxWithMargin(logits_RU) : { argmax: argmaxRows(logits_RU), margin: [] }
  })
  return withIds(model, choices!)
}

/** Choices among the head's rows as ids. */
export const withIds = ({ headIds }: Decoder, { argmax, margin }: Choices): Choices =>
  headIds === undefined ? { argmax, margin } : { argmax: Int32Array.from(argmax, (u) => headIds.id_U[u]!), margin }

/** A distribution over the head's rows as one over ids. */
const overIds = ({ headIds }: Decoder, p_U: Float64Array): Float64Array => {
  if (headIds === undefined) return p_U
  const p_V = new Float64Array(headIds.row_V.length)
  for (let u = 0; u < p_U.length; u++) p_V[headIds.id_U[u]!] = p_U[u]!
  return p_V
}

/** The best ids of each row, found for all rows at the first request of a count. */
const bestOf = (
  { headIds }: Decoder,
  logits: Required<Pick<LogitRows, "likeliest">>,
  temperature: number,
  at: DistributionRows["at"],
): NonNullable<DistributionRows["best"]> => {
  let [found, of]: [ReturnType<(typeof logits)["likeliest"]> | undefined, number] = [undefined, 0]
  return (r, count) => {
    if (found === undefined || of !== count) [found, of] = [logits.likeliest(temperature, count), count]
    const best: Array<Probable> = []
    for (let i = r * count; i < (r + 1) * count && found.rows[i]! >= 0; i++) {
      const row = found.rows[i]!
      best.push({ id: headIds === undefined ? row : headIds.id_U[row]!, p: found.p[i]! })
    }
    if (best.length === 0) at(r) // It refuses a row without a distribution, and states the reason.
    return best
  }
}

/**
 * Extends a decoding state by tokens and returns the sampling distribution at a row on demand: a block reads only the
 * rows up to its first rejection. The rows are void once the decoding state is used again.
 *
 * @param parents as of `choicesAfter`
 */
export const distributionsAfter = (
  model: Decoder,
  decoding: Decoding,
  ids_BT: Int32Array,
  B: number,
  rows: number,
  sampling: Sampling,
  parents?: Int32Array,
): DistributionRows => {
  if (decoding.quick !== undefined)
    return distributionsOf(model, decoding.quick.logits(ids_BT, B, rows, parents), sampling)
  let values = new Float32Array()
  tf.tidy(() => {
    const logits_RU = lastLogits(model, decoding.extend(idsTensor(ids_BT, B, ids_BT.length / B), parents), rows)
    values = logits_RU.dataSync() as Float32Array<ArrayBuffer>
  })
  return once((r) => overIds(model, adjusted(row(values, r, headRowsOf(model.architecture)), sampling)))
}

/** Rows that are computed at their first request. */
const once = (make: (r: number) => Float64Array) => {
  const rowCache: Array<Float64Array | undefined> = []
  return { at: (r: number) => (rowCache[r] ??= make(r)) }
}

/** The distributions of logits in native memory, void as these. */
export const distributionsOf = (model: Decoder, logits: LogitRows, sampling: Sampling): DistributionRows => {
  const exact = once((r) => {
    const p_U = logits.softmax(r, sampling.temperature)
    // `adjusted` refuses the row of a null and states the reason.
    return overIds(model, p_U === null ? adjusted(logits.row(r), sampling) : restricted(p_U, sampling))
  })
  const { topK, topP = 1, temperature } = sampling
  return logits.likeliest === undefined || topK !== undefined || topP < 1
    ? exact
    : {
        ...exact,
        best: bestOf(model, { likeliest: (t, count) => logits.likeliest!(t, count) }, temperature, exact.at),
      }
}

/** A token drawn from each row of logits: see `drawsAfter`. */
const drawsOf = (model: Decoder, logits: LogitRows, sampling: Sampling, u_R: Float64Array): ArrayLike<number> => {
  const { temperature, topK, topP = 1 } = sampling
  if (topK !== undefined || topP < 1) return drawsFrom(distributionsOf(model, logits, sampling), u_R)
  const { headIds } = model
  return Int32Array.from(logits.draw(temperature, u_R), (u, r) => {
    if (u >= 0) return headIds === undefined ? u : headIds.id_U[u]!
    // `adjusted` refuses the row of a -1 and states the reason.
    return u_R[r]! < 0 ? 0 : draw(adjusted(logits.row(r), sampling), u_R[r]!)
  })
}

const drawsFrom = (p: DistributionRows, u_R: Float64Array): ArrayLike<number> =>
  Int32Array.from(u_R, (u, r) => (u < 0 ? 0 : draw(p.at(r)!, u)))

/**
 * Extends a decoding state by tokens and returns a token drawn after the last position of each sequence.
 *
 * @param u_B uniform in [0, 1), one a sequence; below 0 gives an arbitrary token
 */
export const drawsAfter = (
  model: Decoder,
  decoding: Decoding,
  ids_BT: Int32Array,
  B: number,
  sampling: Sampling,
  u_B: Float64Array,
): ArrayLike<number> =>
  decoding.quick === undefined
    ? drawsFrom(distributionsAfter(model, decoding, ids_BT, B, 1, sampling), u_B)
    : drawsOf(model, decoding.quick.logits(ids_BT, B, 1), sampling, u_B)

/**
 * Extends several states that run together, and returns a token after the last position of each.
 *
 * @param parts one row each, of states of the model that have `quick.together`
 * @param u_R uniform in [0, 1), one a state; left out for the most probable token
 */
export const tokensAfter = (
  model: Decoder,
  parts: ReadonlyArray<StatePart>,
  sampling: Sampling,
  u_R: Float64Array | undefined,
): ArrayLike<number> => {
  const together = parts[0]!.decoding.quick!.together!
  return u_R === undefined
    ? withIds(model, together.greedy(parts, false)).argmax
    : drawsOf(model, together.logits(parts), sampling, u_R)
}
