/** A draft that answers with its rows: heads on a frozen target, with one entry or several, against the dense step. */
import { afterAll, describe, expect, test } from "bun:test"
import {
  armLayer,
  type DraftHead,
  defineHead,
  type FilterInstance,
  type HeadParameter,
  type HeadUse,
  type LossInstance,
  rowsAhead,
  type Statistic,
} from "@winnow/core"
import { batches, collate } from "@winnow/data"
import { adaspec } from "@winnow/filter-adaspec"
import { none } from "@winnow/filter-none"
import { random } from "@winnow/filter-random"
import { medusa } from "@winnow/head-medusa"
import { bracketDepth, capital, mlp } from "@winnow/head-mlp"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { kl } from "@winnow/loss-kl"
import { tvdPlusPlus } from "@winnow/loss-tvd-plus-plus"
import { embedding, initialiseHead, withTrunk } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { linear, tf, withoutNative } from "@winnow/tensor"
import { type } from "arktype"
import { Effect } from "effect"
import { runDenseMicroBatch } from "./dense.ts"
import { type Parts, withHead } from "./fixture.ts"
import { keptWeights, type MicroResult, runMicroBatch } from "./micro-batch.ts"
import { optimizerOptions } from "./schedule.ts"
import { instanceOf, tinyModel, V } from "./signals/fixture.ts"
import { trainStage } from "./train-stage.ts"

const [target, reference] = [tinyModel("large", 1), tinyModel("small", 3)]
afterAll(() => {
  target.dispose()
  reference.dispose()
})

const rng = seeded(9, "draft head")
const batch = collate(
  [12, 7, 2, 9].map((length, i) => ({ ids: Int32Array.from({ length }, () => rng.below(V)), promptLength: i })),
)

/** A head with random numbers everywhere: a head that begins as the target's has a block of zeros. */
const headOf = async (use: HeadUse): Promise<DraftHead> => {
  const head = initialiseHead(await instanceOf(use), target, 7, { pieceOf: (id) => " aB(c)D"[id % 7]! })
  for (const [name, variable] of head.parameters) {
    const rng = seeded(1, name)
    tf.tidy(() =>
      variable.assign(
        tf.tensor(
          Float32Array.from({ length: variable.size }, () => 0.3 * rng.normal()),
          variable.shape,
        ),
      ),
    )
  }
  return head
}

const square = (D: number): HeadParameter => ({ shape: [D, D], init: { kind: "normal", std: 0.1 } })
/**
 * Two entries, for the next token and the one after it, with one vocabulary head for both: their own, or the target's.
 */
const pair = (own: boolean) =>
  defineHead({
    name: own ? "pair-own" : "pair-frozen",
    reads: ["targetHidden", "ids"],
    options: type({ "+": "reject" }),
    make: (_, { hiddenSize: D, vocabularySize: V }) => ({
      parameters: new Map<string, HeadParameter>([
        ["next", square(D)],
        ["after", square(D)],
        ...(own ? [["head", { shape: [V, D], init: { kind: "target head" } }] as const] : []),
      ]),
      rows: (parameters, problem, { targetHidden, ids }) => {
        expect(ids.shape).toEqual([problem.B, problem.T])
        const flat = tf.reshape(targetHidden, [-1, D]) as tf.Tensor2D
        const of = (name: string, row: Int32Array) =>
          linear(tf.gather(flat, tf.tensor1d(row, "int32")), parameters.get(name) as unknown as tf.Tensor2D)
        const { at_M, row_M } = rowsAhead(problem, 1)
        const head_Vd = parameters.get("head") ?? target.head_Vd
        return [
          { h_Md: of("next", problem.row_N), head_Vd },
          { h_Md: of("after", row_M), head_Vd, at_M, weight: 0.8 },
        ]
      },
    }),
  })()

/** Reads all that a head may read, predicts with the target's own head and norm, and adds a loss of its own. */
const reader = defineHead({
  name: "reader",
  reads: ["ids", "targetHidden", "targetLayers", "targetEmbedding", "targetHead", "targetNorm"],
  options: type({ "+": "reject" }),
  make: (_, { hiddenSize: D }) => ({
    parameters: new Map<string, HeadParameter>([
      ["token", square(D)],
      ["between", square(D)],
    ]),
    layers: [1],
    rows: (parameters, problem, seen) => {
      const { at_M, row_M } = rowsAhead(problem, 1)
      const flat = (x: tf.Tensor) => tf.reshape(x, [-1, D]) as tf.Tensor2D
      const at = (x_ND: tf.Tensor2D, index: Int32Array) => tf.gather(x_ND, tf.tensor1d(index, "int32"))
      const tokens_M = tf.tensor1d(
        row_M.map((row) => problem.ids_BT[row + 1]!),
        "int32",
      )
      const e_MD = embedding(seen.targetEmbedding, tokens_M)
      const x_MD = tf.add(
        linear(e_MD, parameters.get("token") as unknown as tf.Tensor2D),
        linear(at(flat(seen.targetLayers.get(1)!), row_M), parameters.get("between") as unknown as tf.Tensor2D),
      ) as tf.Tensor2D
      const h_Md = seen.targetNorm(x_MD)
      const next_MD = at(
        flat(seen.targetHidden),
        row_M.map((row) => row + 1),
      )
      const added_M = tf.mean(tf.square(tf.sub(h_Md, next_MD)), 1) as tf.Tensor1D
      return [{ h_Md, head_Vd: seen.targetHead, at_M, added_M }]
    },
  }),
})

const heads: Record<string, HeadUse> = {
  "all that it may read, and a loss of its own": reader(),
  "medusa, one head": medusa({ heads: 1 }),
  "medusa, three heads of two blocks, without bias": medusa({ blocks: 2, bias: false, decay: 0.5 }),
  "medusa, two heads on the target's own": medusa({ heads: 2, vocabulary: "target" }),
  "two entries, one trained head": pair(true),
  "two entries on the target's own head": pair(false),
}
const losses: Record<string, LossInstance> = {
  kl: await instanceOf(kl()),
  "cross-entropy": await instanceOf(crossEntropy()),
  "tvd-plus-plus": await instanceOf(tvdPlusPlus()),
  "tvd-plus-plus, sampled": await instanceOf(tvdPlusPlus({ expectation: "sampled", samples: 4 })),
}
const filters: Record<string, FilterInstance> = {
  none: await instanceOf(none()),
  random: await instanceOf(random({ k: 0.4 })),
  adaspec: await instanceOf(adaspec({ k: 0.4 })),
}

const partsOf = (draft: DraftHead, filter: FilterInstance, loss: LossInstance): Parts => ({
  ...{ batch, draft, target, reference, filter, loss, chunkRows: 5 },
  ...{ step: 3, steps: 10, seed: 7, micro: 0, divide: true },
})

/** Largest difference relative to the largest entry, in single precision. */
const expectSame = (found: MicroResult, dense: MicroResult) => {
  const near = (a: number, b: number, scale: number, of: string) => {
    if (!(Math.abs(a - b) / scale < 5e-5)) throw new Error(`${of}: ${a}, the dense step ${b}`)
  }
  for (const field of ["N", "kept"] as const) expect(found[field]).toBe(dense[field])
  near(found.denominator, dense.denominator, dense.denominator, "denominator")
  near(found.lossSum, dense.lossSum, 1 + Math.abs(dense.lossSum), "loss")
  for (const [name, values] of Object.entries(dense.statistics))
    for (const [n, x] of values.entries()) near(found.statistics[name as Statistic]![n]!, x, 1 + Math.abs(x), name)
  expect(Object.keys(found.gradients).sort()).toEqual(Object.keys(dense.gradients).sort())
  for (const [name, gradient] of Object.entries(dense.gradients)) {
    const b = gradient.dataSync() as Float32Array
    const largest = b.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-3)
    for (const [i, x] of found.gradients[name]!.dataSync().entries())
      near(x, b[i]!, largest, `gradient of ${name}[${i}]`)
  }
}

/** The step with native code and in chunks gives the dense step's loss and gradients, and leaves no tensor. */
const expectDense = async (use: HeadUse, filter: FilterInstance, loss: LossInstance) => {
  const before = tf.memory().numTensors
  const draft = await headOf(use)
  const parts = partsOf(draft, filter, loss)
  const fast = runMicroBatch(withHead(parts))
  const [chunked, dense] = withoutNative(() => [runMicroBatch(withHead(parts)), runDenseMicroBatch(withHead(parts))])
  expectSame(fast, dense)
  expectSame(chunked, dense)
  expect(Object.keys(fast.gradients).sort()).toEqual([...draft.parameters.keys()].sort())
  tf.dispose([fast.gradients, chunked.gradients, dense.gradients])
  draft.dispose()
  expect(tf.memory().numTensors).toBe(before)
}

describe("a head with classes of its own", () => {
  const uses = {
    "a class": mlp({ variable: capital(), width: 6 }),
    "the previous one": mlp({ variable: bracketDepth(), width: 6, previous: true }),
  }
  for (const [name, use] of Object.entries(uses))
    for (const filterName of ["none", "random"] as const)
      test(`${name}, ${filterName}: the dense step's loss and gradients, and no tensor is left`, () =>
        expectDense(use, filters[filterName]!, losses["cross-entropy"]!))

  test("a trained copy of the target: the dense step's gradients by it too; the frozen target keeps its bits", async () => {
    const before = tf.memory().numTensors
    for (const layer of ["last", 1] as const) {
      const use = mlp({ variable: capital(), width: 6, layer })
      const draft = withTrunk(await headOf(use), tinyModel("large", 1))
      const parts = partsOf(draft, filters["none"]!, losses["cross-entropy"]!)
      const fast = runMicroBatch(withHead(parts))
      const dense = withoutNative(() => runDenseMicroBatch(withHead(parts)))
      expectSame(fast, dense)
      const names = Object.keys(fast.gradients)
      expect(names.filter((name) => !name.startsWith("trunk.")).sort()).toEqual([...draft.parameters.keys()].sort())
      // Layers behind the one that is read get no gradient.
      expect(names.some((name) => name.includes("layers.1."))).toBe(layer === "last")
      tf.dispose([fast.gradients, dense.gradients])
      draft.dispose()
    }
    expect(tf.memory().numTensors).toBe(before)
  })

  test("the target has no distribution over them; a head without a tokenizer is refused", async () => {
    const draft = await headOf(uses["a class"])
    expect(() => runMicroBatch(withHead(partsOf(draft, filters["none"]!, losses["kl"]!)))).toThrow(
      "it predicts classes of its own, and the target has no distribution over them",
    )
    expect(() => runMicroBatch(withHead(partsOf(draft, filters["adaspec"]!, losses["cross-entropy"]!)))).toThrow(
      "and the reference has no distribution",
    )
    const bare = { ...draft, pieceOf: undefined }
    expect(() => runMicroBatch(withHead(partsOf(bare, filters["none"]!, losses["cross-entropy"]!)))).toThrow(
      "head mlp: reads the text of tokens, and it has no tokenizer",
    )
    draft.dispose()
  })
})

for (const [headName, use] of Object.entries(heads))
  describe(headName, () => {
    for (const [lossName, loss] of Object.entries(losses))
      for (const [filterName, filter] of Object.entries(filters))
        test(`${lossName}, ${filterName}: the dense step's loss and gradients, and no tensor is left`, () =>
          expectDense(use, filter, loss))

    test("finite differences of the whole step, by every parameter", async () => {
      const draft = await headOf(use)
      const parts = partsOf(draft, filters["none"]!, losses["kl"]!)
      const step = () => {
        const { lossSum, denominator, gradients } = runMicroBatch(withHead(parts))
        return { loss: lossSum / denominator, gradients }
      }
      const { gradients } = step()
      for (const [name, variable] of draft.parameters) {
        const start = variable.dataSync().slice() as Float32Array
        const rng = seeded(4, name)
        const direction = start.map(() => rng.normal() / Math.sqrt(start.length))
        const at = (by: number) => {
          tf.tidy(() =>
            variable.assign(
              tf.tensor(
                start.map((x, i) => x + by * direction[i]!),
                variable.shape,
              ),
            ),
          )
          const found = step()
          tf.dispose(found.gradients)
          return found.loss
        }
        const h = 2e-2
        const expected = (at(h) - at(-h)) / (2 * h)
        tf.tidy(() => variable.assign(tf.tensor(start, variable.shape)))
        const along = (gradients[name]!.dataSync() as Float32Array).reduce((sum, g, i) => sum + g * direction[i]!, 0)
        expect(Math.abs(along - expected), `${name}: ${along}, ${expected}`).toBeLessThan(
          5e-4 + 0.02 * Math.abs(expected),
        )
      }
      tf.dispose(gradients)
      draft.dispose()
    })
  })

test("the filter receives the tokens that the head predicts: each sequence's except its first", async () => {
  const draft = await headOf(medusa({ heads: 1 }))
  let given: { readonly N: number; readonly tokens: ReadonlyArray<ReadonlyArray<number>> } | undefined
  const filter: FilterInstance = {
    ...filters["none"]!,
    select: ({ N, sequence_N, position_N, gold_N }) => {
      given = { N, tokens: Array.from(gold_N, (gold, n) => [sequence_N[n]!, position_N[n]!, gold]) }
      return new Uint8Array(N).fill(1)
    },
  }
  const { gradients, ...result } = runMicroBatch(withHead(partsOf(draft, filter, losses["kl"]!)))
  tf.dispose(gradients)
  const expected = Array.from(batch.gold_N, (gold, n) => [batch.sequence_N[n]!, batch.position_N[n]!, gold])
  expect(given!.tokens).toEqual(expected.filter(([, position]) => position! > 1))
  // Prompts of 0 and 1 tokens: two sequences have a first token that no position can predict two ahead.
  expect([result.N, given!.N]).toEqual([batch.row_N.length - 2, batch.row_N.length - 2])
  expect(keptWeights(withHead(partsOf(draft, filter, losses["kl"]!)))).toEqual(
    Uint8Array.from(batch.position_N, (position) => (position > 1 ? 1 : 0)),
  )
  draft.dispose()
})

test("a batch in which the head predicts no token is refused, with the remedy", async () => {
  const draft = await headOf(medusa({ heads: 1 }))
  const short = collate([{ ids: Int32Array.of(1, 2), promptLength: 0 }])
  const before = tf.memory().numTensors
  const parts = { ...partsOf(draft, filters["none"]!, losses["kl"]!), batch: short }
  expect(() => runMicroBatch(withHead(parts))).toThrow(
    "head medusa: has no row to predict in a batch of 1 valid tokens: each needs an earlier position in its sequence; " +
      "use longer prompts or answers, or a head that looks less far ahead",
  )
  expect(tf.memory().numTensors).toBe(before)
  draft.dispose()
})

test("a head without parameters is not trained, and the remedy is named", async () => {
  const silent = initialiseHead(
    await instanceOf(
      defineHead({
        name: "silent",
        reads: [],
        options: type({ "+": "reject" }),
        make: () => ({ parameters: new Map(), rows: () => [] }),
      })(),
    ),
    target,
    1,
  )
  const training = trainStage({
    ...{
      stage: "head",
      model: silent,
      batches: batches([{ ids: Int32Array.of(1, 2, 3), promptLength: 1 }], { batchSize: 1, seed: 1 }),
    },
    ...{ steps: 1, seed: 1, optimizer: optimizerOptions.assert({ learningRate: 0.1, warmup: 0 }) },
  }).pipe(Effect.provide(armLayer(none(), crossEntropy())))
  const refused = await Effect.runPromise(Effect.flip(training))
  expect(refused.message).toContain("head silent: has no parameters, so nothing can be trained")
})
