/** The values of a parameter of a model of other widths, from those of the old one. */
import type { Architecture, Attends, Axis, ParameterSpec } from "@winnow/core"
import { seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { freshValues } from "./initialise.ts"
import { entriesAlong, type Units } from "./width-units.ts"

/**
 * Shares of sum 1 of the copies of each unit; 0 of a silent one.
 *
 * @param of the old units of new ones
 */
const sharesOf = (of: ReadonlyArray<number>, seed: number, name: string): Float32Array => {
  const rng = seeded(seed, "share", name)
  const sums = new Map<number, number>()
  const counts = new Map<number, number>()
  for (const unit of of) counts.set(unit, (counts.get(unit) ?? 0) + 1)
  const weights = of.map((unit) => {
    // Between 1 and 3: each copy has a share worth training.
    const weight = unit < 0 ? 0 : counts.get(unit) === 1 ? 1 : 1 + 2 * rng.uniform()
    sums.set(unit, (sums.get(unit) ?? 0) + weight)
    return weight
  })
  return Float32Array.from(of, (unit, i) => (unit < 0 ? 0 : weights[i]! / sums.get(unit)!))
}

/** The same for the blocks of `size` entries of heads. */
const sharesOfBlocks = (of: ReadonlyArray<number>, size: number, seed: number, name: string): Float32Array => {
  const heads = of.filter((_, i) => i % size === 0).map((entry) => entry / size)
  const shares = sharesOf(heads, seed, name)
  return Float32Array.from(of, (_, i) => shares[Math.floor(i / size)]!)
}

/** A vector along one axis of a tensor of this rank. */
const along = (values: Float32Array, axis: number, rank: number): tf.Tensor =>
  tf.reshape(
    tf.tensor1d(values),
    Array.from({ length: rank }, (_, a) => (a === axis ? values.length : 1)),
  )

/** A function that makes the values of a parameter, in the caller's tidy. The files around `widths.ts` say the rules. */
export const valuesOfWidths = (
  from: Architecture<Attends>,
  to: Architecture<Attends>,
  units: Units,
  seed: number,
): ((name: string, old: tf.Tensor, spec: ParameterSpec) => tf.Tensor) => {
  const [before, after] = [from.widths!(), to.widths!()]
  const isSilent = units.stream.map((unit) => unit < 0)
  const isWider = isSilent.includes(true)
  /** Factors of what writes the stream, and of tables, whose own factor may change. */
  const writer = isWider ? Math.sqrt(after.stream / before.stream) : 1
  const table = (writer * before.embedScale) / after.embedScale
  const tied = from.head === from.embedding
  const written = (factor: number) => Float32Array.from(isSilent, (silent) => (silent ? 0 : factor))

  return (name, old, spec) => {
    const { kind, axes, layer = 0, toStream, plusOne } = before.parameters.get(name)!
    const rank = old.shape.length
    const gathered = (values: tf.Tensor, axis: number, of: ReadonlyArray<number>) => {
      const index = of.map((entry) => Math.max(0, entry))
      return tf.gather(values, tf.tensor1d(index, "int32"), axis)
    }
    /** Fresh values where a unit is silent. */
    const withFresh = (values: tf.Tensor, axis: number): tf.Tensor => {
      if (!isWider) return values
      const extra = (spec.shape[axis] ?? 0) - isSilent.length // The column of biases is not fresh.
      const mask = along(Float32Array.from([...isSilent, ...Array(extra).fill(false)], Number), axis, rank)
      return tf.add(tf.mul(values, tf.sub(1, mask)), tf.mul(freshValues(spec, name, seed), mask))
    }
    const scaled = (values: tf.Tensor, factors: Float32Array, axis: number) =>
      plusOne
        ? tf.sub(tf.mul(tf.add(values, 1), along(factors, axis, rank)), 1)
        : tf.mul(values, along(factors, axis, rank))
    const shares = (axis: Axis, of: ReadonlyArray<number>, as = name) =>
      axis === "context" ? sharesOfBlocks(of, before.heads.headSize, seed, as) : sharesOf(of, seed, as)

    let values = old
    for (const [a, axis] of axes.entries()) {
      const known = entriesAlong(axis, layer, units, before, after)
      if (known === undefined) continue
      const of = spec.shape[a] === known.length + 1 ? [...known, old.shape[a]! - 1] : known
      values = gathered(values, a, of)
      const reads = kind === "head" || (kind === "matrix" && a === 1)
      if (reads) {
        values = scaled(values, shares(axis, of), a)
        if (axis === "stream") values = withFresh(values, a)
      } else if (kind === "norm") {
        if (isWider && !toStream) values = scaled(values, written(1 / writer), a)
        // A tied head is a table: the last norm takes its factor back, and splits copies.
        if (tied && before.lastNorm.includes(name))
          values = scaled(
            values,
            shares(axis, of, "tied head").map((share) => share / table),
            a,
          )
        values = withFresh(values, a)
      } else if (kind === "table") values = scaled(values, withBias(written(table), of.length), a)
      else if (axis === "stream") values = scaled(values, written(writer), a)
    }
    return values
  }
}

/** Factors of the units, and 1 for a column of biases. */
const withBias = (factors: Float32Array, entries: number): Float32Array =>
  factors.length === entries ? factors : Float32Array.from([...factors, 1])
