/**
 * The unit of an old model that each unit of a new one is.
 *
 * Letters: Q query heads, G key-value heads, r = Q / G, h head size; 0 the old model, 1 the new one.
 */
import type { Attends, Axis, Encoder, Widths } from "@winnow/core"
import { tf } from "@winnow/tensor"

/** The units that a narrower width keeps: the first ones, or those with the largest weights. */
export type Keep = "first" | "largest"

/** The old units of new ones, in their order; -1 of a silent unit. */
export interface Units {
  readonly stream: ReadonlyArray<number>
  readonly feeds: ReadonlyArray<ReadonlyArray<number>>
  /** Query heads and key-value heads of each layer. */
  readonly heads: ReadonlyArray<{ readonly queries: ReadonlyArray<number>; readonly keys: ReadonlyArray<number> }>
}

const range = (n: number, at: (i: number) => number = (i) => i) => Array.from({ length: n }, (_, i) => at(i))

/** The heads of the blocks of h entries along an axis; undefined of an axis without heads. Values count as keys. */
export const headsAlong = (axis: Axis, { heads, kvHeads, order }: Widths["heads"]) => {
  const of = (kind: "queries" | "keys", n: number) => range(n).map((head) => ({ kind, head }))
  const [q, k] = [of("queries", heads), of("keys", kvHeads)]
  if (axis === "queries" || axis === "context") return q
  if (axis === "keys") return k
  if (axis !== "packed") return undefined
  return order === "kinds" ? [...q, ...k, ...k] : q.flatMap((one, i) => [one, k[i]!, k[i]!])
}

/**
 * Sums of squares of the weights that read or write each unit.
 *
 * @param layer of the weights; all if undefined
 * @param unitAt the unit of an entry along an axis, if it is one
 */
const scoresOf = (
  model: Encoder<Attends>,
  count: number,
  layer: number | undefined,
  unitAt: (axis: Axis, entry: number) => number | undefined,
): Float64Array => {
  const scores = new Float64Array(count)
  for (const [name, of] of model.architecture.widths!().parameters) {
    if (of.kind === "norm" || (layer !== undefined && of.layer !== layer)) continue
    for (const [a, axis] of of.axes.entries()) {
      if (axis === "fixed") continue
      const sums = tf.tidy(() => {
        const squares = tf.square(model.parameters.get(name)!)
        const others = squares.shape.map((_, other) => other).filter((other) => other !== a)
        return (others.length === 0 ? squares : tf.sum(squares, others)).dataSync()
      })
      for (const [entry, sum] of sums.entries()) {
        const unit = unitAt(axis, entry)
        if (unit !== undefined && unit < count) scores[unit]! += sum
      }
    }
  }
  return scores
}

/** The numbers of the largest scores, ascending; the lowest number first among equal ones. */
const largest = (scores: ArrayLike<number>, count: number): ReadonlyArray<number> =>
  range(scores.length)
    .sort((a, b) => scores[b]! - scores[a]! || a - b)
    .slice(0, count)
    .sort((a, b) => a - b)

/** The old units of all new ones, from a model that chooses those that a narrower width keeps. */
export const unitsOf = (model: Encoder<Attends>, after: Widths, keep: Keep): Units => {
  const before = model.architecture.widths!()
  const kept = (count: number, scores: () => ArrayLike<number>) =>
    keep === "first" ? range(count) : largest(scores(), count)

  const stream = () => {
    const [d0, d1] = [before.stream, after.stream]
    if (d1 >= d0) return range(d1, (i) => (i < d0 ? i : before.norms === "rms" ? -1 : i % d0))
    return kept(d1, () => scoresOf(model, d0, undefined, (axis, entry) => (axis === "stream" ? entry : undefined)))
  }
  const feed = (layer: number) => {
    const [m0, m1] = [before.feeds[layer]!, after.feeds[layer]!]
    if (m1 >= m0) return range(m1, (i) => i % m0)
    return kept(m1, () =>
      scoresOf(model, m0, layer, (axis, entry) => (axis === "feed" || axis === "feeds" ? entry % m0 : undefined)),
    )
  }
  const { heads: Q0, kvHeads: G0, headSize: h } = before.heads
  const { heads: Q1, kvHeads: G1 } = after.heads
  const [r0, r1] = [Q0 / G0, Q1 / G1]
  const heads = (layer: number) => {
    const narrower = keep === "largest" && (G1 < G0 || r1 < r0)
    const scores = (kind: "queries" | "keys", count: number) =>
      narrower
        ? scoresOf(model, count, layer, (axis, entry) => {
            const one = headsAlong(axis, before.heads)?.[Math.floor(entry / h)]
            return one?.kind === kind ? one.head : undefined
          })
        : new Float64Array(count)
    const [ofQueries, ofKeys] = [scores("queries", Q0), scores("keys", G0)]
    const group = (g: number) => ofQueries.subarray(g * r0, (g + 1) * r0)
    const whole = range(G0, (g) => ofKeys[g]! + group(g).reduce((a, b) => a + b, 0))
    const keys = G1 >= G0 ? range(G1, (g) => g % G0) : kept(G1, () => whole)
    const queries = keys.flatMap((g) =>
      (r1 >= r0 ? range(r1, (j) => j % r0) : kept(r1, () => group(g))).map((j) => g * r0 + j),
    )
    return { queries, keys }
  }
  const layers = range(model.architecture.layers)
  return { stream: stream(), feeds: layers.map(feed), heads: layers.map(heads) }
}

/** The old entry of each new entry along an axis of a layer's parameter; undefined of an axis that no width changes. */
export const entriesAlong = (
  axis: Axis,
  layer: number,
  units: Units,
  before: Widths,
  after: Widths,
): ReadonlyArray<number> | undefined => {
  if (axis === "fixed") return undefined
  if (axis === "stream") return units.stream
  const feed = units.feeds[layer] ?? []
  if (axis === "feed") return feed
  if (axis === "feeds") return [...feed, ...feed.map((unit) => before.feeds[layer]! + unit)]
  const [old, { headSize: h }] = [headsAlong(axis, before.heads)!, before.heads]
  const seen = new Map<string, number>()
  return headsAlong(axis, after.heads)!.flatMap(({ kind, head }) => {
    // The first block of a key-value head is that of its keys, the second that of its values.
    const nth = seen.get(`${kind} ${head}`) ?? 0
    seen.set(`${kind} ${head}`, nth + 1)
    const of = units.heads[layer]![kind][head]!
    const blocks = [...old.keys()].filter((block) => old[block]!.kind === kind && old[block]!.head === of)
    return range(h, (e) => blocks[nth]! * h + e)
  })
}
