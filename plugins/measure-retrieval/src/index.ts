/** Retrieval by pooled states: does a text find those of its own class among labelled texts? */
import { defineFittedMeasure, labelClasses, labelledTexts, pooledRows, spread, taskUse } from "@winnow/core"
import { product, tf } from "@winnow/tensor"
import { type } from "arktype"

/** Places of a ranking that count. */
const places = 10

/** The gain at a place, counted from 0. */
const discount = (place: number): number => 1 / Math.log2(place + 2)

/** nDCG@10 of a ranking: `relevant_n` in the order of the ranking, and how many there are in all. */
export const gainOf = (ranked: ReadonlyArray<boolean>, relevant: number): number => {
  const found = ranked.slice(0, places).reduce((sum, is, place) => sum + (is ? discount(place) : 0), 0)
  let ideal = 0
  for (let place = 0; place < Math.min(places, relevant); place++) ideal += discount(place)
  return ideal === 0 ? 0 : found / ideal
}

/** States around a mean, each of length 1; a state that is the mean stays 0. */
const directions = (h_nd: Float32Array, d: number, mean_d: Float64Array): Float32Array => {
  const x_nd = h_nd.map((x, at) => x - mean_d[at % d]!)
  for (let from = 0; from < x_nd.length; from += d) {
    const row = x_nd.subarray(from, from + d)
    const length = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0))
    if (length > 0) for (let i = 0; i < d; i++) row[i]! /= length
  }
  return x_nd
}

/**
 * The measure `retrieval`: measured texts are queries, training texts are documents, and a document of the query's class is
 * relevant. For each query nDCG@10 of the documents by the cosine of their mean states; 0 to 1, higher is better.
 *
 * The model is frozen, and the documents' mean is taken from all states. Texts are taken at even distances of each split.
 * Classes stand in for judgements of relevance: texts of one class need not answer each other. A query whose class no
 * document has counts as 0.
 */
export const retrieval = defineFittedMeasure({
  name: "retrieval",
  better: "higher",
  unit: "%",
  options: type({
    "+": "reject",
    // Its prompts are the texts, its answers name their classes.
    task: taskUse,
    documents: "number.integer >= 2 = 2000",
    texts: "number.integer >= 2 = 400",
  }),
  make: ({ documents, texts }) =>
    function* ({ training, measured, pooled, d }) {
      const classes = labelClasses(training)
      const stored = labelledTexts(spread(training, documents), classes)
      const asked = labelledTexts(spread(measured, texts), classes)
      const raw_nd = yield* pooledRows(pooled, stored.texts, d)
      const [n, Q] = [stored.texts.length, asked.texts.length]
      const mean_d = new Float64Array(d)
      for (const [at, x] of raw_nd.entries()) mean_d[at % d]! += x / n
      const document_nd = directions(raw_nd, d, mean_d)
      const query_Qd = directions(yield* pooledRows(pooled, asked.texts, d), d, mean_d)
      const near_Qn = tf.tidy(
        () => product(tf.tensor2d(query_Qd, [Q, d]), tf.tensor2d(document_nd, [n, d]), false, true).dataSync() as never,
      ) as unknown as Float32Array
      const counts = new Int32Array(classes.size)
      for (const c of stored.class_N) counts[c]!++
      return Array.from(asked.class_N, (c, q) => {
        const near_n = near_Qn.subarray(q * n, (q + 1) * n)
        const order = [...near_n.keys()].toSorted((a, b) => near_n[b]! - near_n[a]! || a - b).slice(0, places)
        return [
          gainOf(
            order.map((i) => stored.class_N[i] === c),
            c < 0 ? 0 : counts[c]!,
          ),
          1,
        ] as const
      })
    },
})
