/** The selective step agrees with the plain dense one, for every filter with every loss: same loss, same gradients. */
import { afterAll, describe, expect, test } from "bun:test"
import {
  everyToken,
  type FilterInstance,
  type LossInstance,
  linear,
  nextToken,
  type OwnStatistic,
  statisticNames,
  statistics,
} from "@winnow/core"
import { collate } from "@winnow/data"
import { adaspec } from "@winnow/filter-adaspec"
import { focusFinetune } from "@winnow/filter-focus-finetune"
import { none } from "@winnow/filter-none"
import { random } from "@winnow/filter-random"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { jsd } from "@winnow/loss-jsd"
import { kl } from "@winnow/loss-kl"
import { reverseKl } from "@winnow/loss-reverse-kl"
import { sharpenedKl } from "@winnow/loss-sharpened-kl"
import { tvd } from "@winnow/loss-tvd"
import { tvdPlusPlus } from "@winnow/loss-tvd-plus-plus"
import { gptNeox } from "@winnow/model-gpt-neox"
import { llama } from "@winnow/model-llama"
import { initialise } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { backend, native, tf, withoutNative, withPrecision } from "@winnow/tensor"
import { Effect } from "effect"
import { runDenseMicroBatch } from "./dense.ts"
import { type Parts, withHead } from "./fixture.ts"
import { keptWeights, type MicroResult, runMicroBatch } from "./micro-batch.ts"

const V = 31
// A wide initialisation, so that draft, target and reference differ.
const sizes = { vocab_size: V, max_position_embeddings: 32, initializer_range: 0.4 }
const small = { ...sizes, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2 }
const untied = await Effect.runPromise(llama({ ...small, intermediate_size: 24 }).instance)
const tied = await Effect.runPromise(gptNeox({ ...small, intermediate_size: 32, tie_word_embeddings: true }).instance)
const large = await Effect.runPromise(
  llama({ ...sizes, hidden_size: 24, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 40 }).instance,
)
const target = initialise(large, 1)
const drafts = { llama: initialise(untied, 2), "gpt-neox, tied": initialise(tied, 3) }
const references = { llama: initialise(untied, 4), "gpt-neox, tied": initialise(tied, 5) }
afterAll(() => {
  for (const model of [target, ...Object.values(drafts), ...Object.values(references)]) model.dispose()
})

const rng = seeded(9, "batch")
const batch = collate(
  [12, 7, 9].map((length, i) => ({
    ids: Int32Array.from({ length }, () => rng.below(V)),
    promptLength: 2 + i,
  })),
)

const instance = <T>(use: { readonly instance: Effect.Effect<T, unknown> }): Promise<T> =>
  Effect.runPromise(use.instance)

const losses: Record<string, Promise<LossInstance>> = {
  kl: instance(kl()),
  "kl at temperature 2": instance(kl({ temperature: 2 })),
  "reverse-kl": instance(reverseKl()),
  jsd: instance(jsd()),
  // at step 3 of 10 neither the first temperature nor the last
  "sharpened-kl": instance(sharpenedKl({ temperature: linear(2, 0.5) })),
  tvd: instance(tvd()),
  "tvd-plus-plus": instance(tvdPlusPlus()),
  "tvd-plus-plus, uniform": instance(tvdPlusPlus({ expectation: "uniform" })),
  "tvd-plus-plus, uniform by position": instance(tvdPlusPlus({ expectation: "uniform", normalise: "position" })),
  "tvd-plus-plus, sampled": instance(tvdPlusPlus({ expectation: "sampled" })),
  "tvd-plus-plus, sampled 5 times": instance(tvdPlusPlus({ expectation: "sampled", samples: 5 })),
  "cross-entropy": instance(crossEntropy()),
}
const filters: Record<string, Promise<FilterInstance>> = {
  none: instance(none()),
  random: instance(random({ k: 0.3 })),
  adaspec: instance(adaspec({ k: 0.4 })),
  "adaspec, bottom, divided by valid": instance(adaspec({ k: 0.4, order: "bottom", divideBy: "valid" })),
  "focus-finetune": instance(focusFinetune()),
}

/** Every statistic that has a native form, and weights other than 0 and 1. */
const everything: FilterInstance = {
  name: "everything",
  needs: statisticNames.filter((name) => {
    const { lossOf, native } = statistics[name] as OwnStatistic
    return lossOf !== undefined || native !== undefined
  }),
  select: ({ acceptance_N, agreement_N }) => acceptance_N.map((a, n) => (agreement_N[n] === 1 ? 0 : 1 - a)),
  save: () => null,
  restore: () => {},
}

/** Largest difference relative to the largest entry. Float32 sums over V = 31 and d <= 24: a few 1e-6. */
const tolerance = 2e-5
const expectSame = (fast: MicroResult, plain: MicroResult) => {
  expect([...fast.weights_N].length).toBe(plain.weights_N.length)
  for (const [name, values] of Object.entries(plain.statistics))
    for (const [n, x] of values.entries())
      expect(Math.abs(fast.statistics[name as keyof typeof fast.statistics]![n]! - x)).toBeLessThan(2e-5)
  for (const [n, w] of plain.weights_N.entries()) expect(Math.abs(fast.weights_N[n]! - w)).toBeLessThan(2e-5)
  expect(fast.lossSum / fast.denominator).toBeCloseTo(plain.lossSum / plain.denominator, 4)
  expect(Object.keys(fast.gradients).sort()).toEqual(Object.keys(plain.gradients).sort())
  for (const [name, gradient] of Object.entries(plain.gradients)) {
    const a = fast.gradients[name]!.dataSync()
    const b = gradient.dataSync()
    const largest = (b as Float32Array).reduce((m, x) => Math.max(m, Math.abs(x)), 1e-3)
    for (const [i, x] of b.entries()) expect(Math.abs(a[i]! - x) / largest, `${name}[${i}]`).toBeLessThan(tolerance)
  }
}

const compare = (
  architecture: keyof typeof drafts,
  filter: FilterInstance,
  loss: LossInstance,
  more: Partial<Parts> = {},
) => {
  const before = tf.memory().numTensors
  const input: Parts = {
    batch,
    draft: drafts[architecture],
    target,
    reference: references[architecture],
    filter,
    loss,
    step: 3,
    steps: 10,
    seed: 7,
    micro: 0,
    chunkRows: 5, // Several chunks, the last one short.
    divide: true,
    ...more,
  }
  // By the native library, on chunks of logits, and in the plain form.
  const fast = runMicroBatch(withHead(input))
  const [chunked, plain] = withoutNative(() => [runMicroBatch(withHead(input)), runDenseMicroBatch(withHead(input))])
  expectSame(fast, plain)
  expectSame(chunked, plain)
  tf.dispose([fast.gradients, chunked.gradients, plain.gradients])
  expect(tf.memory().numTensors).toBe(before)
  return fast
}

for (const [name, loss] of Object.entries(losses))
  describe(name, () => {
    for (const [filterName, filter] of Object.entries(filters))
      test(filterName, async () => {
        compare("llama", await filter, await loss)
      })
  })

test("tied embeddings: the head's and the embedding's gradients are added", async () => {
  compare("gpt-neox, tied", await filters["adaspec"]!, await losses["kl"]!)
})
test("every statistic, and fractional weights", async () => {
  const result = compare("llama", everything, await losses["kl"]!)
  expect(Object.keys(result.statistics).length).toBeGreaterThan(11)
  const all = compare("llama", { ...everything, needs: statisticNames }, await losses["kl"]!)
  expect(Object.keys(all.statistics).sort()).toEqual([...statisticNames].sort())
})
test("one chunk and one row a chunk give the same", async () => {
  const [filter, loss] = [await filters["adaspec"]!, await losses["tvd-plus-plus"]!]
  compare("llama", filter, loss, { chunkRows: 1 })
  compare("llama", filter, loss, { chunkRows: 1000 })
})
test("keptWeights returns the choice of the step, without a gradient", async () => {
  for (const filter of [...Object.values(filters), Promise.resolve(everything)]) {
    const input: Parts = {
      ...{ batch, draft: drafts.llama, target, reference: references.llama, filter: await filter, divide: true },
      ...{ loss: await losses["kl"]!, step: 3, steps: 10, seed: 7, micro: 1, chunkRows: 5 },
    }
    const { gradients, weights_N } = runMicroBatch(withHead(input))
    tf.dispose(gradients)
    const before = tf.memory().numTensors
    expect(keptWeights(withHead(input))).toEqual(weights_N)
    expect(tf.memory().numTensors).toBe(before)
  }
})
test("undivided gradients are the sum's", async () => {
  compare("llama", await filters["random"]!, await losses["kl"]!, { divide: false })
})
test("plain training of targets: one answer from the native head, which makes no logits, from chunks and from the plain form", async () => {
  const [filter, loss] = [await instance(everyToken()), await instance(nextToken())]
  const result = compare("llama", filter, loss)
  expect([result.kept, result.N]).toEqual([batch.row_N.length, batch.row_N.length])
  // The plugins are the same code under other names; each definition wraps its functions again.
  const fields = (instance: object) =>
    Object.entries(instance).filter(([name, value]) => name !== "name" && typeof value !== "function")
  for (const [plain, plugin] of [
    [filter, await filters["none"]!],
    [loss, await losses["cross-entropy"]!],
  ] as const)
    expect(fields(plain)).toEqual(fields(plugin))
  if (native() === undefined) return
  const { binding } = backend()
  const { executeOp } = binding
  let logits = 0
  binding.executeOp = (...call) => {
    const outputs = executeOp(...call)
    logits += outputs.filter(({ shape }) => shape.length > 1 && shape.at(-1) === V).length
    return outputs
  }
  const models = { draft: drafts.llama, target: undefined, reference: undefined }
  const step = { batch, ...models, filter, loss, step: 0, steps: 1, seed: 7, micro: 0, chunkRows: 5, divide: true }
  try {
    tf.dispose(runMicroBatch(withHead(step)).gradients)
    expect(logits).toBe(0)
    withoutNative(() => tf.dispose(runMicroBatch(withHead(step)).gradients))
    expect(logits).toBeGreaterThan(0)
  } finally {
    binding.executeOp = executeOp
  }
})
test("the logits of all N rows never exist at once, unlike in the dense step", async () => {
  const { binding } = backend()
  const { executeOp } = binding
  const N = batch.row_N.length
  let rows = 0
  binding.executeOp = (...call) => {
    const outputs = executeOp(...call)
    for (const { shape } of outputs)
      if (shape.at(-1) === V)
        rows = Math.max(
          rows,
          shape.slice(0, -1).reduce((a, b) => a * b, 1),
        )
    return outputs
  }
  const input = {
    batch,
    draft: drafts.llama,
    target,
    reference: references.llama,
    filter: everything,
    loss: await losses["kl"]!,
    step: 0,
    steps: 10,
    seed: 7,
    micro: 0,
    chunkRows: 4096,
    divide: true,
  }
  try {
    tf.dispose(runMicroBatch(withHead(input)).gradients)
    if (native() !== undefined) expect(rows).toBe(0)
    rows = 0
    withoutNative(() => {
      tf.dispose(runMicroBatch(withHead(input)).gradients)
      expect(rows).toBeGreaterThan(0)
      expect(rows).toBeLessThan(N)
      rows = 0
      tf.dispose(runDenseMicroBatch(withHead(input)).gradients)
      expect(rows).toBe(N)
    })
  } finally {
    binding.executeOp = executeOp
  }
})
test.skipIf(native() === undefined)("bfloat16 products: within their rounding, 2^-9 of each operand", async () => {
  for (const name of ["kl", "reverse-kl", "jsd", "tvd", "cross-entropy"]) {
    const input: Parts = {
      ...{ batch, draft: drafts.llama, target, reference: references.llama, filter: await filters["none"]! },
      ...{ loss: await losses[name]!, step: 0, steps: 1, seed: 7, micro: 0, chunkRows: 5, divide: true },
    }
    const rounded = withPrecision("bfloat16", () => runMicroBatch(withHead(input)))
    const plain = runMicroBatch(withHead(input))
    expect(Math.abs(rounded.lossSum / plain.lossSum - 1)).toBeLessThan(0.02)
    let [dot, a, b] = [0, 0, 0]
    for (const [parameter, gradient] of Object.entries(plain.gradients)) {
      const other = rounded.gradients[parameter]!.dataSync()
      for (const [i, x] of gradient.dataSync().entries()) {
        dot += x * other[i]!
        a += x * x
        b += other[i]! * other[i]!
      }
    }
    // The gradient's direction agrees, and the bits differ. Fresh models are alike, so q - p is small beside the
    // rounded numbers; and TVD's gradient jumps at p = q.
    expect(dot / Math.sqrt(a * b)).toBeGreaterThan(name === "tvd" ? 0.99 : 0.995)
    expect(a).not.toBe(b)
    tf.dispose([rounded.gradients, plain.gradients])
  }
})
test("a single valid token", async () => {
  const one = collate([{ ids: Int32Array.of(1, 2, 3), promptLength: 2 }])
  const result = compare("llama", await filters["adaspec"]!, await losses["kl"]!, { batch: one })
  expect([result.N, result.kept]).toEqual([1, 1])
})
test("a loss without a closed form is differentiated on the chunk", async () => {
  const { gradient: _, ...loss } = await losses["kl"]!
  compare("llama", await filters["adaspec"]!, loss)
})

describe("a filter's wrong answer trains nothing", () => {
  const broken = (answer: () => Float32Array | Uint8Array): FilterInstance => ({
    name: "broken",
    needs: [],
    select: answer,
    save: () => null,
    restore: () => {},
  })
  const N = batch.row_N.length
  for (const [what, answer, text] of [
    ["too short", () => new Uint8Array(2), `returned 2 weights for ${N} valid tokens`],
    ["negative", () => new Float32Array(N).fill(-1), "weight 0 is -1"],
    ["not a number", () => new Float32Array(N).fill(Number.NaN), "weight 0 is NaN"],
    ["empty", () => new Uint8Array(N), "kept no token"],
  ] as const)
    test(what, async () => {
      const before = tf.memory().numTensors
      const loss = await losses["kl"]!
      expect(() => compare("llama", broken(answer), loss)).toThrow(text)
      expect(tf.memory().numTensors).toBe(before)
    })
})
