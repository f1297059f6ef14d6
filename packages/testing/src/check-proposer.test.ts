/** The laws of proposers: a sound one keeps them, and each law catches its fault. */
import { describe, expect, test } from "bun:test"
import { defineProposer, type ProposerParts, type ProposerSequence } from "@winnow/core"
import { without } from "@winnow/decoding"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { checkProposer } from "./check-proposer.ts"

const proposerOf = (propose: ProposerSequence["propose"], more: Partial<ProposerParts> = {}) =>
  defineProposer({
    name: "trial",
    options: type({ "+": "reject" }),
    make: () => ({ begin: () => ({ propose }), ...more }),
  })()

/** Counts of the tokens that followed the last one so far: a distribution to draw from, without a model. */
const followers = (text: ReadonlyArray<number>): Float64Array => {
  const q_V = new Float64Array(3).fill(1 / 3)
  for (let t = 1; t < text.length; t++) if (text[t - 1] === text.at(-1)) q_V[text[t]!]!++
  const sum = q_V.reduce((a, b) => a + b, 0)
  return q_V.map((q) => q / sum)
}

const end = 2
/** Proposes by `followers`; a fault changes the distribution in the answer. */
const drawn = (named: (q_V: Float64Array) => Float64Array) =>
  proposerOf(({ text, room, draw }) => {
    const tokens: Array<number> = []
    const q: Array<Float64Array> = []
    while (tokens.length < room && tokens.at(-1) !== end) {
      const q_V = followers([...text, ...tokens])
      tokens.push(draw(q_V))
      q.push(named(q_V))
    }
    return { tokens, q }
  })

test("a proposer that draws and is no draft model keeps the laws", () => checkProposer(drawn((q_V) => q_V)), 30_000)

test("one that proposes nothing keeps the laws", () =>
  checkProposer(proposerOf(() => ({ tokens: [], q: "certain" }), { deterministic: true })))

/** Two siblings drawn without replacement, and one token behind each; a fault changes the tree. */
const branching = (changed: (tree: Tree) => Tree = (tree) => tree) =>
  proposerOf(({ text, room, draw }) => {
    const [tokens, parents, q]: [Array<number>, Array<number>, Array<Float64Array>] = [[], [], []]
    const add = (parent: number, q_V: Float64Array) => {
      tokens.push(draw(q_V))
      parents.push(parent)
      q.push(q_V)
    }
    add(-1, followers(text))
    const left_V = without(q[0]!, tokens[0]!)
    if (left_V !== null) add(-1, left_V)
    for (const [place, token] of [...tokens.entries()])
      if (room > 1 && token !== end) add(place, followers([...text, token]))
    return changed({ tokens, parents, q })
  })
type Tree = { readonly tokens: Array<number>; readonly parents: Array<number>; readonly q: Array<Float64Array> }

test("a proposer of trees keeps the laws", () => checkProposer(branching()), 30_000)

describe("each law catches its fault", () => {
  const certain = (tokens: ReadonlyArray<number>) => ({ tokens, q: "certain" }) as const
  /** The parents of a chain of n + 1. */
  const upTo = (n: number) => Array.from({ length: n + 1 }, (_, i) => i - 1)
  let calls = 0
  const cases: ReadonlyArray<readonly [law: string, ReturnType<typeof proposerOf>]> = [
    ["lossless", drawn(() => new Float64Array(3).fill(1 / 3))],
    ["lossless", branching((tree) => ({ ...tree, q: tree.q.with(1, tree.q[0]!) }))],
    ["parents", branching((tree) => ({ ...tree, parents: [0, ...tree.parents.slice(1)] }))],
    ["parents", branching((tree) => ({ ...tree, parents: [] }))],
    ["room", proposerOf(({ room }) => ({ ...certain(new Array(room + 1).fill(1)), parents: upTo(room) }))],
    ["end", proposerOf(() => ({ ...certain([end, 1, 0]), parents: [-1, -1, 0] }))],
    ["deterministic", proposerOf(() => ({ ...certain([1]), parents: [-1] }), { deterministic: true })],
    ["room", proposerOf(({ room }) => certain(new Array(room + 1).fill(1)))],
    ["ids", proposerOf(() => certain([3]))],
    ["q", proposerOf(() => ({ tokens: [1], q: [Float64Array.of(0.5, 0, 0.5)] }))],
    ["q", proposerOf(() => ({ tokens: [1], q: [] }))],
    ["deterministic", proposerOf(() => ({ tokens: [0], q: [Float64Array.of(1, 0, 0)] }), { deterministic: true })],
    ["repeats", proposerOf(() => certain([calls++ % 2]))],
    ["end", proposerOf(({ room }) => certain(room > 1 ? [end, 0] : [end]))],
    ["less room", proposerOf(({ room }) => certain([room > 2 ? 1 : 0]), { deterministic: true })],
    ["text untouched", proposerOf(({ text }) => ((text as Array<number>)[0] = 7) && certain([]))],
    ["throws nothing", proposerOf(() => JSON.parse("{"))],
    ["proposal", proposerOf(() => [1, 2] as never)],
    ["definition", proposerOf(() => certain([]), { parameters: -1 })],
    ["definition", proposerOf(() => certain([]), { determinstic: true } as never)],
  ]
  for (const [law, use] of cases)
    test(law, async () => {
      const error = await checkProposer(use).then(
        () => undefined,
        (cause: { readonly law?: string; readonly rule?: string }) => cause,
      )
      expect(error?.law ?? error?.rule).toBe(law)
    })

  test("no leak", async () => {
    const left: Array<tf.Tensor> = []
    const leaking = proposerOf(() => {
      left.push(tf.scalar(1))
      return certain([])
    })
    await expect(checkProposer(leaking)).rejects.toThrow("no leak")
    for (const tensor of left) tensor.dispose()
  })
})
