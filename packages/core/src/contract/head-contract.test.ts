/** Answers of a head that the step refuses, and the messages. */
import { describe, expect, test } from "bun:test"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { Effect } from "effect"
import type { DraftRows, Seen } from "../draft-rows.ts"
import { defineHead } from "../head.ts"
import type { Problem } from "../problem.ts"

const [V, d] = [5, 3]
const problem: Problem = {
  ...{ B: 1, T: 4, ids_BT: Int32Array.of(4, 3, 0, 1), length_B: Int32Array.of(4), tokens: 4 },
  row_N: Int32Array.of(1, 2, 3),
  gold_N: Int32Array.of(0, 1, 2),
  sequence_N: Int32Array.of(0, 0, 0),
  position_N: Int32Array.of(2, 3, 4),
}
const answer = (rows: (seen: Seen) => unknown) => {
  const head = defineHead({
    name: "odd",
    reads: ["ids"],
    options: type({ "+": "reject" }),
    make: () => ({ parameters: new Map(), rows: (_, __, seen) => rows(seen as Seen) as never }),
  })
  const { on } = Effect.runSync(head().instance)
  return tf.tidy(() => {
    const seen: Seen = {
      ids: tf.zeros([1, 4], "int32"),
      targetHidden: tf.zeros([1, 4, d]),
      targetLayers: new Map(),
      targetEmbedding: tf.zeros([V, d]),
      targetHead: tf.zeros([V, d]) as tf.Tensor2D,
      targetNorm: (x) => x,
      pieceOf: () => "",
    }
    on({ hiddenSize: d, vocabularySize: V }).rows(new Map(), problem, seen)
    return tf.scalar(0)
  })
}
const entry = (more: Partial<DraftRows> = {}, M = 3) => [{ h_Md: tf.zeros([M, d]), head_Vd: tf.zeros([V, d]), ...more }]

describe("refused", () => {
  const cases: Record<string, readonly [rows: (seen: Seen) => unknown, text: string]> = {
    "no list": [() => ({}), "rows returned an object; expected a list of one or more { h_Md, head_Vd, at_M }"],
    "no entry": [() => [], "expected a list of one or more"],
    "too few rows": [() => entry({}, 2), "entry 0 has hidden states [2,3] for 3 rows; expected [3, d]"],
    "too many rows": [() => entry({ at_M: Int32Array.of(0, 2) }), "entry 0 has hidden states [3,3] for 2 rows"],
    "a head of another width": [
      () => entry({ head_Vd: tf.zeros([V, 4]) as tf.Tensor2D }),
      "entry 0 has a head [5,4]; expected [5, 3]: V and d of its rows",
    ],
    "a head of another vocabulary": [() => entry({ head_Vd: tf.zeros([6, d]) as tf.Tensor2D }), "expected [5, 3]"],
    "a row that is not there": [
      () => entry({ at_M: Int32Array.of(0, 3) }, 2),
      "entry 0 predicts row 3 of 3 after row 0; expected rows of the problem, each once, increasing",
    ],
    "a row twice": [() => entry({ at_M: Int32Array.of(1, 1) }, 2), "entry 0 predicts row 1 of 3 after row 1"],
    "a row below 0": [() => entry({ at_M: Int32Array.of(-1) }, 1), "entry 0 predicts row -1 of 3 after none"],
    "an added loss of other rows": [
      () => entry({ added_M: tf.zeros([2]) as tf.Tensor1D }),
      "entry 0 adds a loss of shape [2]; expected [3], one for each row",
    ],
    "no weight": [() => entry({ weight: 0 }), "entry 0 has weight 0; expected a finite number above 0"],
    "a value that it does not read": [
      ({ targetHidden }) => [targetHidden],
      "reads targetHidden, which its reads do not list; it is given ids",
    ],
  }
  for (const [name, [rows, text]] of Object.entries(cases))
    test(name, () => {
      const before = tf.memory().numTensors
      expect(() => answer(rows)).toThrow(text)
      expect(tf.memory().numTensors).toBe(before)
    })
})

test("a value that there is not is refused where the head is defined", () => {
  expect(() =>
    defineHead({
      name: "odd",
      reads: ["targetHiden" as "targetHidden"],
      options: type({ "+": "reject" }),
      make: () => ({ parameters: new Map(), rows: () => [] }),
    }),
  ).toThrow('its reads names "targetHiden", which is no value that a draft can read; did you mean targetHidden?')
})

test("a layer that the target does not have between its others is refused, with the numbers that it has", () => {
  const of = (layers: ReadonlyArray<number>) => {
    const head = defineHead({
      name: "odd",
      reads: ["targetLayers"],
      options: type({ "+": "reject" }),
      make: () => ({ parameters: new Map(), layers, rows: () => [] }),
    })
    return () => Effect.runSync(head().instance).on({ hiddenSize: d, vocabularySize: V, layers: 4 })
  }
  expect(of([0, 3])).not.toThrow()
  expect(of([1, 4])).toThrow("reads the states of layer 4; expected 0, the embedding, to 3 of a target of 4 layers")
  expect(of([0.5])).toThrow("reads the states of layer 0.5")
})

test("a whole answer passes", () => {
  expect(() => answer(() => entry())).not.toThrow()
  expect(() => answer(() => [...entry(), ...entry({ at_M: Int32Array.of(0, 2), weight: 0.5 }, 2)])).not.toThrow()
})
