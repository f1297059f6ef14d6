/**
 * The floors of heads: the tokens of the text by their frequency alone, and by the token before. A head that is no better
 * has learnt nothing of the target's state.
 *
 * Letters: M rows, V vocabulary, r columns of a table.
 */
import { defineHead, type HeadArchitecture, type HeadParameter, type ProposerParts, rowsAhead } from "@winnow/core"
import { adjusted, restricted } from "@winnow/generation"
import { tf } from "@winnow/tensor"
import { type } from "arktype"

/** Proposals from logits that are known after each token. */
const proposals = (heads: number, parameters: number, logitsAfter: (id: number) => Float32Array): ProposerParts => ({
  parameters,
  // the target reads the prompt first, as for every head
  reads: { layers: ["last"], positions: "last" },
  begin: ({ sampling, eosId }) => ({
    propose: ({ text, room, draw }) => {
      const tokens: Array<number> = []
      const q: Array<Float64Array> = []
      do {
        const logits_V = logitsAfter(tokens.at(-1) ?? text.at(-1)!)
        if (sampling.temperature === 0) tokens.push(logits_V.indexOf(logits_V.reduce((a, b) => Math.max(a, b))))
        else {
          const q_V = restricted(adjusted(logits_V, { temperature: sampling.temperature }), sampling)
          q.push(q_V)
          tokens.push(draw(q_V))
        }
      } while (tokens.length < Math.min(room, heads) && tokens.at(-1) !== eosId)
      return { tokens, q: sampling.temperature === 0 ? "certain" : q }
    },
  }),
})

const zeros = (...shape: ReadonlyArray<number>): HeadParameter => ({ shape, init: { kind: "zeros" } })

/** The frequency of each token. */
export const unigram = defineHead({
  name: "unigram",
  reads: ["ids"],
  options: type({
    "+": "reject",
    // As many as the heads beside it.
    heads: "1 <= number.integer <= 16 = 4",
  }),
  make: ({ heads }, { vocabularySize: V }): HeadArchitecture<"ids"> => ({
    parameters: new Map([["frequencies", zeros(V, 1)]]),
    entries: heads,
    rows: (parameters, problem) =>
      Array.from({ length: heads }, (_, i) => {
        const { at_M } = rowsAhead(problem, i + 1)
        return { h_Md: tf.ones([at_M.length, 1]) as tf.Tensor2D, head_Vd: parameters.get("frequencies")!, at_M }
      }),
    proposing: ({ parameters }) => {
      const logits_V = parameters.get("frequencies")!.dataSync() as Float32Array
      return proposals(heads, V, () => logits_V)
    },
  }),
})

/** The frequency of each token after each other one, by a product of two tables. */
export const bigram = defineHead({
  name: "bigram",
  reads: ["ids"],
  options: type({
    "+": "reject",
    heads: "1 <= number.integer <= 16 = 4",
    // Columns of the tables: pairs that are rare share them.
    columns: "number.integer >= 1 = 64",
  }),
  make: ({ heads, columns: r }, { vocabularySize: V }): HeadArchitecture<"ids"> => ({
    parameters: new Map<string, HeadParameter>([
      ["before", { shape: [V, r], init: { kind: "normal", std: 0.3 } }],
      ["after", zeros(V, r)],
    ]),
    entries: heads,
    rows: (parameters, problem) =>
      Array.from({ length: heads }, (_, i) => {
        const { at_M } = rowsAhead(problem, i + 1)
        // the token before the predicted one lies at its row
        const tokens_M = Int32Array.from(at_M, (n) => problem.ids_BT[problem.row_N[n]!]!)
        const h_Md = tf.gather(parameters.get("before") as unknown as tf.Tensor2D, tf.tensor1d(tokens_M, "int32"))
        return { h_Md, head_Vd: parameters.get("after")!, at_M }
      }),
    proposing: ({ parameters }) => {
      const [before, after] = [parameters.get("before")!.dataSync(), parameters.get("after")!.dataSync()]
      const logitsAfter = (id: number) =>
        Float32Array.from({ length: V }, (_, v) => {
          let sum = 0
          for (let c = 0; c < r; c++) sum += before[id * r + c]! * after[v * r + c]!
          return sum
        })
      return proposals(heads, V * r, logitsAfter)
    },
  }),
})
