/** Samples of scores, and the figures of a model at them, against plain slow forms. */
import { expect, test } from "bun:test"
import { type EncodedExample, InvalidInput } from "@winnow/core"
import { driven } from "@winnow/generation"
import { llama } from "@winnow/model-llama"
import { hiddenByLayer, initialise, logitsOf } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { answerPlaces, chooseSamples, firstTexts, goldPlaces, type Sampling, targetPlaces } from "./samples.ts"
import { statesOf, tokenFigures } from "./score-figures.ts"

const rng = seeded(1, "samples test")
/** Texts of 4 to 11 tokens of a vocabulary of 12, with prompts of 0 to 2. */
const examples: ReadonlyArray<EncodedExample> = Array.from({ length: 20 }, (_, i) => ({
  ids: Int32Array.from({ length: 4 + rng.below(8) }, () => rng.below(12)),
  promptLength: i % 3,
}))
const modelOf = async (width: number, seed: number) =>
  initialise(
    await Effect.runPromise(
      llama({
        ...{ vocab_size: 12, hidden_size: width, num_hidden_layers: 2, num_attention_heads: 2 },
        max_position_embeddings: 16,
      }).instance,
    ),
    seed,
  )
const choose = (of: Pick<Sampling, "classes" | "perClass">, places = goldPlaces(examples)) =>
  Effect.runPromise(chooseSamples(places, of))

test("places of gold tokens: the state that predicts each trained token, never the first one", () => {
  const text = { ids: Int32Array.of(7, 8, 9, 3), promptLength: 2 }
  expect(goldPlaces([text])).toEqual([
    { text: 0, position: 1, label: 9 },
    { text: 0, position: 2, label: 3 },
  ])
  expect(goldPlaces([{ ...text, promptLength: 0 }]).map(({ position }) => position)).toEqual([0, 1, 2])
  expect(answerPlaces([text, { ...text, promptLength: 0 }])).toEqual([{ text: 0, position: 1, label: "9 3" }])
})

test("as many states of each class, each of another text, the most frequent classes, the same at each call", async () => {
  const { C, class_N, text_N, position_N } = await choose({ classes: 5, perClass: 4 })
  expect([C, class_N.length]).toEqual([5, 20])
  for (let c = 0; c < 5; c++) {
    const own = text_N.filter((_, n) => class_N[n] === c)
    expect([own.length, new Set(own).size]).toEqual([4, 4])
  }
  expect(text_N).toEqual(text_N.toSorted((a, b) => a - b))
  const labels = class_N.map((c, n) => [c, examples[text_N[n]!]!.ids[position_N[n]! + 1]!] as const)
  expect(new Set(labels.map(String)).size).toBe(5) // a token is one class
  const texts = (label: number) =>
    new Set(goldPlaces(examples).flatMap((p) => (p.label === label ? [p.text] : []))).size
  const chosen = new Set(labels.map(([, label]) => label))
  const least = Math.min(...[...chosen].map(texts))
  for (let label = 0; label < 12; label++) if (!chosen.has(label)) expect(texts(label)).toBeLessThanOrEqual(least)
  expect(await choose({ classes: 5, perClass: 4 })).toEqual({ C, class_N, text_N, position_N })
})

test("all states: classes have as many as there are texts with them; none of enough texts is refused", async () => {
  const { C, class_N, text_N } = await choose({ classes: 64, perClass: "all" })
  expect(C).toBe(12)
  const pairs = new Set(goldPlaces(examples).map(({ text, label }) => `${text} ${label}`))
  expect([class_N.length, text_N.length]).toEqual([pairs.size, pairs.size])
  const refused = await Effect.runPromise(
    Effect.flip(chooseSamples(goldPlaces(examples), { classes: 9, perClass: 50 })),
  )
  expect(refused).toBeInstanceOf(InvalidInput)
  expect(refused.message).toMatch(/none of 12 classes has 50 texts, the largest one has \d+; lower perClass/)
})

test("the first texts of so many trained tokens", () => {
  const sizes = (count: number) =>
    firstTexts(examples, count).map(({ ids, promptLength }) => ids.length - Math.max(1, promptLength))
  const sum = (x: ReadonlyArray<number>) => x.reduce((a, b) => a + b, 0)
  expect(sum(sizes(30))).toBeGreaterThanOrEqual(30)
  expect(sum(sizes(30).slice(0, -1))).toBeLessThan(30)
  expect(firstTexts(examples, 1e6)).toHaveLength(20)
})

/** log softmax of a row. */
const logQ = (logits: ReadonlyArray<number>) => {
  const top = Math.max(...logits)
  const sum = logits.reduce((s, x) => s + Math.exp(x - top), 0)
  return logits.map((x) => x - top - Math.log(sum))
}

test("labels of the target, states and figures of tokens are those of one text at a time", async () => {
  const [model, target] = [await modelOf(8, 2), await modelOf(12, 3)]
  const before = tf.memory().numTensors
  const texts = examples.slice(0, 11)
  const rows = (of: typeof model, { ids }: EncodedExample) =>
    tf.tidy(() => (logitsOf(of, tf.tensor2d(ids, [1, ids.length], "int32")).arraySync() as number[][][])[0]!)

  const places = await driven(targetPlaces(target, texts))
  expect(places.map(({ text, position }) => [text, position])).toEqual(
    goldPlaces(texts).map(({ text, position }) => [text, position]),
  )
  for (const { text, position, label } of places) {
    const row = rows(target, texts[text]!)[position]!
    expect(row[label as number]).toBeCloseTo(Math.max(...row), 5)
  }

  const samples = await choose({ classes: 5, perClass: 4 })
  const all = await driven(statesOf(model, examples, samples, "all"))
  expect(all.map(({ layer, d }) => [layer, d])).toEqual([
    [0, 8],
    [1, 8],
    [2, 8],
  ])
  for (const [n, text] of samples.text_N.entries()) {
    const { ids } = examples[text]!
    const alone = tf.tidy(() =>
      hiddenByLayer(model, tf.tensor2d(ids, [1, ids.length], "int32")).map((h) => (h.arraySync() as number[][][])[0]!),
    )
    for (const [l, { h_Nd }] of all.entries())
      for (const [i, x] of alone[l]![samples.position_N[n]!]!.entries()) expect(h_Nd[n * 8 + i]).toBeCloseTo(x, 4)
  }
  const [last] = await driven(statesOf(model, examples, samples, "last"))
  expect(last).toEqual(all[2]!)

  const wanted = new Set(["loss_M", "entropy_M", "acceptance_M"] as const)
  const { loss_M, entropy_M, acceptance_M } = await driven(tokenFigures(model, texts, wanted, target))
  for (const [m, { text, position, label }] of goldPlaces(texts).entries()) {
    const q = logQ(rows(model, texts[text]!)[position]!)
    const p = logQ(rows(target, texts[text]!)[position]!)
    expect(loss_M[m]).toBeCloseTo(-q[label as number]!, 4)
    expect(entropy_M[m]).toBeCloseTo(-q.reduce((s, x) => s + x * Math.exp(x), 0), 4)
    expect(acceptance_M[m]).toBeCloseTo(
      q.reduce((s, x, v) => s + Math.exp(Math.min(x, p[v]!)), 0),
      4,
    )
  }
  const none = await driven(tokenFigures(model, texts, new Set(["loss_M"] as const), undefined))
  expect([none.loss_M, none.entropy_M.length, none.acceptance_M.length]).toEqual([loss_M, 0, 0])
  expect(tf.memory().numTensors).toBe(before)
  model.dispose()
  target.dispose()
})
