/**
 * Heads on a target with layers and attention: lossless by exact enumeration and greedy identity; proposals that are the
 * predictions of the training rows; roll-back.
 */
import { afterAll, describe, expect, test } from "bun:test"
import { type DraftHead, type HeadUse, nextTokenProblem, type Proposer, type SeenStates } from "@winnow/core"
import { adjusted, generate, restricted } from "@winnow/generation"
import { eagle } from "@winnow/head-eagle"
import { exit } from "@winnow/head-exit"
import { hydra } from "@winnow/head-hydra"
import { medusa } from "@winnow/head-medusa"
import { llama } from "@winnow/model-llama"
import { hiddenByLayer, initialise, logitsOf, makeHead } from "@winnow/models"
import { normals, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import {
  type Decoded,
  everyText,
  instanceOf,
  randomPrompts,
  type TableModel,
  targetTexts,
  worstError,
} from "@winnow/testing"
import { seenBy } from "@winnow/training"
import { headProposer } from "../head-proposer.ts"
import { speculate } from "../speculate.ts"

const [V, D] = [3, 8]
const model = initialise(
  await instanceOf(
    llama({
      ...{ vocab_size: V, hidden_size: D, num_hidden_layers: 4, num_attention_heads: 2, num_key_value_heads: 1 },
      ...{ max_position_embeddings: 64, initializer_range: 0.7 },
    }),
  ),
  2,
)
const tensors = tf.memory().numTensors
afterAll(() => {
  expect(tf.memory().numTensors).toBe(tensors)
  model.dispose()
})

/** The model with the distributions that the enumeration reads, by one pass over the whole text. */
const target = Object.assign(model, {
  distributionAfter: (text: ReadonlyArray<number>, sampling: Parameters<typeof adjusted>[1]) => {
    let logits_V: Float32Array | undefined
    tf.tidy(() => {
      const logits = logitsOf(model, tf.tensor2d(text as number[], [1, text.length], "int32"))
      logits_V = tf.slice(logits, [0, text.length - 1, 0], [1, 1, -1]).dataSync() as Float32Array
    })
    return restricted(adjusted(logits_V!, { temperature: sampling.temperature }), sampling)
  },
}) as unknown as TableModel // the enumeration reads no more of a table

const heads: Record<string, HeadUse> = {
  medusa: medusa({ heads: 3 }),
  hydra: hydra({ heads: 3, blocks: 2 }),
  eagle: eagle({ steps: 3 }),
  "eagle, EAGLE-3's form": eagle({ form: "eagle3", steps: 3 }),
  exit: exit({ layers: 2 }),
  "exit with a norm and a matrix": exit({ layers: 2, norm: true, rank: 3 }),
}

/** A head with random weights. */
const headOf = async (use: HeadUse): Promise<DraftHead> => {
  const instance = await instanceOf(use)
  const parameters = new Map(
    Array.from(instance.on(model.architecture).parameters, ([name, { shape }]) => {
      const values = normals(
        shape.reduce((a, b) => a * b, 1),
        0.5,
        seeded(1, name),
      )
      return [name, tf.tidy(() => tf.variable(tf.tensor(values, [...shape])))] as const
    }),
  )
  return makeHead(instance, model, parameters)
}

/** The states that a proposer reads of the text's positions from `from` on. */
const statesOf = (text: ReadonlyArray<number>, from: number): SeenStates => {
  const layers: Array<Float32Array> = []
  const count = text.length - 1 - from
  tf.tidy(() => {
    const all = hiddenByLayer(model, tf.tensor2d(text.slice(0, -1), [1, text.length - 1], "int32"))
    for (const x of all) layers.push(tf.slice(x, [0, from, 0], [1, count, -1]).dataSync() as Float32Array)
  })
  return { from, count, of: (layer) => layers.at(layer === "last" ? -1 : layer)! }
}

const greedy = { sampling: { temperature: 0 }, vocabularySize: V, eosId: undefined }
const noDraw = () => {
  throw new Error("a greedy proposal draws nothing")
}

/** Opens a sequence of a proposer; it gives the states that the proposer asks for. */
const opened = (head: DraftHead, tree?: { widths: Array<number> }) => {
  const { begin, reads } = headProposer(head, tree)
  const sequence = begin(greedy)
  let known = 0
  return {
    ...{
      accept: (n: number) =>
        sequence.accept?.(
          n,
          Array.from({ length: n }, (_, i) => i),
        ),
      dispose: () => sequence.dispose?.(),
    },
    whole: (text: ReadonlyArray<number>, room: number) => {
      const from = reads?.positions === "last" ? text.length - 2 : known
      known = text.length - 1
      return sequence.propose({ text, room, draw: noDraw, ...(reads && { seen: statesOf(text, from) }) })
    },
    propose(text: ReadonlyArray<number>, room: number) {
      return this.whole(text, room).tokens
    },
  }
}

/** The predictions of the training rows for the tokens after the text, which are these. */
const predicted = (head: DraftHead, text: ReadonlyArray<number>, tokens: ReadonlyArray<number>): Array<number> => {
  const problem = nextTokenProblem([{ ids: Int32Array.from([...text, ...tokens, 0]), promptLength: text.length }], 0)
  const found: Array<number> = []
  tf.tidy(() => {
    const ids = tf.tensor2d(problem.ids_BT, [problem.B, problem.T], "int32")
    const entries = head.rows(problem, seenBy(head, problem, ids) as never) // a head reads what it asks for
    for (const i of tokens.keys()) {
      const { h_Md, head_Vd, at_M } = entries[entries.length === 1 ? 0 : i]!
      const m = at_M?.indexOf(i) ?? i
      const logits = tf.matMul(tf.slice2d(h_Md, [m, 0], [1, -1]), head_Vd as tf.Tensor2D, false, true)
      found.push(tf.argMax(logits, 1).dataSync()[0]!)
    }
  })
  return found
}

const rng = seeded(3, "heads of layers")
for (const [name, use] of Object.entries(heads))
  describe(name, () => {
    test("proposes the tokens that its training rows predict, given those before", async () => {
      const head = await headOf(use)
      const seen = new Set<string>()
      for (let length = 2; length < 8; length++) {
        const text = Array.from({ length }, () => rng.below(V))
        const sequence = opened(head)
        const tokens = sequence.propose(text, 3)
        expect(tokens.length).toBe(3)
        expect(tokens).toEqual(predicted(head, text, tokens))
        sequence.dispose()
        seen.add(tokens.join())
      }
      expect(seen.size).toBeGreaterThan(1)
      head.dispose()
    })

    test("the first tokens of a tree's levels are those that its training rows predict on their paths", async () => {
      const head = await headOf(use)
      let others = 0
      for (let length = 2; length < 6; length++) {
        const text = Array.from({ length }, () => rng.below(V))
        const sequence = opened(head, { widths: [2, 2, 1] })
        const { tokens, parents } = sequence.whole(text, 3)
        const along = (place: number): ReadonlyArray<number> =>
          place < 0 ? [] : [...along(parents![place]!), tokens[place]!]
        for (const [place, parent] of parents!.entries()) {
          if (parents!.indexOf(parent) !== place) continue
          const path = along(place)
          expect(tokens[place]).toBe(predicted(head, text, path).at(-1)!)
          if (path.length > 1 && path[0] !== tokens[0]) others++
        }
        sequence.dispose()
      }
      expect(others).toBeGreaterThan(8) // on paths that no chain takes
      head.dispose()
    })

    test("after any number of accepted tokens it proposes as a fresh sequence does", async () => {
      const head = await headOf(use)
      const kept = opened(head)
      const text = [1, 2, 0]
      for (const accepted of [0, 3, 1, 2, 0, 0, 3, 1]) {
        const tokens = kept.propose(text, 3)
        const fresh = opened(head)
        expect(fresh.propose(text, 3)).toEqual(tokens)
        fresh.dispose()
        kept.accept(accepted)
        text.push(...tokens.slice(0, accepted), rng.below(V))
      }
      kept.dispose()
      head.dispose()
    })

    test("whole texts have the target's distribution", async () => {
      const head = await headOf(use)
      const options: Decoded["options"] = { temperature: 0.8, draftLength: 2, maxNew: 3, eosId: 2 }
      const decoded: Decoded = { target, draft: headProposer(head), prompt: [1, 0], options }
      const outcomes = everyText(decoded)
      // sums of a block and of single tokens differ in the last bits
      expect(worstError(outcomes, targetTexts(decoded))).toBeLessThan(1e-6)
      expect(Math.max(...outcomes.map(({ value }) => value.counts.accepted))).toBeGreaterThan(0)
      head.dispose()
    })

    test("trees: the same distribution and texts; one of single children is the chain", async () => {
      const head = await headOf(use)
      expect(head.trees).toBe(true)
      {
        const shapes = [{ widths: [2, 1] }, { nodes: 4, width: 2 }]
        for (const tree of shapes) {
          const options: Decoded["options"] = { temperature: 0.8, draftLength: 2, maxNew: 3, eosId: 2 }
          const decoded: Decoded = { target, draft: headProposer(head, tree), prompt: [1, 0], options }
          expect(worstError(everyText(decoded), targetTexts(decoded))).toBeLessThan(1e-6)
        }
        const prompts = randomPrompts(4, V, 8, 2)
        const [{ rollouts }, options] = [await generate(model, prompts, { maxNew: 16 }), { draftLength: 3, maxNew: 16 }]
        let later = 0
        for (const tree of [...shapes, { widths: [2, 2, 2] }]) {
          const done = await speculate(model, headProposer(head, tree), prompts, options)
          expect(done.map(({ rollout }) => rollout)).toEqual([...rollouts])
          for (const { counts } of done) later += counts.acceptedRank[1] ?? 0
        }
        expect(later).toBeGreaterThan(0)
        const countsOf = async (of: Proposer) =>
          (await speculate(model, of, prompts, options)).map(({ counts }) => counts)
        const line = headProposer(head, { widths: [1, 1, 1] })
        expect(await countsOf(line)).toEqual(await countsOf(headProposer(head)))
      }
      head.dispose()
    })

    test("greedy texts are the target's own, with some proposals accepted and some not", async () => {
      const head = await headOf(use)
      const prompts = randomPrompts(4, V, 8, 2)
      const { rollouts } = await generate(model, prompts, { maxNew: 16 })
      let [accepted, rejected] = [0, 0]
      for (const draftLength of [1, 3]) {
        const done = await speculate(model, headProposer(head), prompts, { draftLength, maxNew: 16 })
        expect(done.map(({ rollout }) => rollout)).toEqual([...rollouts])
        for (const { counts } of done) [accepted, rejected] = [accepted + counts.accepted, rejected + counts.rejected]
      }
      expect(Math.min(accepted, rejected)).toBeGreaterThan(0)
      head.dispose()
    })
  })
