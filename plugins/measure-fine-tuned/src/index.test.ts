import { expect, test } from "bun:test"
import { type Attends, defineTask, type EncodedExample, type ModelUse } from "@winnow/core"
import { copyModel, initialise } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { bothWays, instanceOf, oneWay } from "@winnow/testing"
import { pooledSize, pooledStates } from "@winnow/training"
import { type } from "arktype"
import { Effect } from "effect"
import { fineTuned } from "./index.ts"

const none = defineTask({
  name: "none",
  options: type({ "+": "reject" }),
  make: () => Effect.succeed({ examples: () => [] }),
})
/** The class is the order of two tokens among others: no token alone tells it. */
const examples = (count: number, seed: number): ReadonlyArray<EncodedExample> => {
  const rng = seeded(seed, "texts")
  return Array.from({ length: count }, () => {
    const c = rng.below(2)
    const noise = Array.from({ length: rng.below(4) }, () => 2 + rng.below(10))
    const ids = Int32Array.of(...(c === 0 ? [0, 1] : [1, 0]), ...noise, 15 + c)
    return { ids, promptLength: ids.length - 1 }
  })
}
const sizes = { vocab_size: 18, width: 16, depth: 2, heads: 2, length: 16, std: 0.3 }

const models: ReadonlyArray<readonly [string, ModelUse<Attends>]> = [
  ["an encoder", bothWays(sizes)],
  ["a decoder", oneWay(sizes)],
]

test.each(models)("%s learns classes that it did not have; the model itself stays, twice the same", async (_, use) => {
  const model = initialise(await Effect.runPromise(use.instance), 3)
  const weights = [...model.parameters.values()].map((w) => w.dataSync().slice())
  const settings = { task: none(), steps: 120, batchSize: 16, learningRate: 0.01, texts: 40 }
  const run = async (more: object) => {
    const { fitted } = await instanceOf(fineTuned({ ...settings, ...more }))
    const before = tf.memory().numTensors
    const own = copyModel(model)
    const pieces = fitted({
      ...{ training: examples(200, 1), validation: [], measured: examples(80, 2), d: pooledSize(model) },
      pooled: (texts) => pooledStates(model, texts),
      copy: () => Object.assign(own, { pooled: (texts: ReadonlyArray<Int32Array>) => pooledStates(own, texts) }),
      rng: seeded(5, "fine-tuned"),
    })
    for (;;) {
      const { done, value } = pieces.next()
      if (!done) continue
      own.dispose()
      expect(tf.memory().numTensors).toBe(before)
      return value
    }
  }
  const right = (texts: ReadonlyArray<readonly [number, number]>) =>
    texts.reduce((sum, [one]) => sum + one, 0) / texts.length
  const first = await run({})
  expect(first).toHaveLength(40)
  expect(right(first)).toBeGreaterThan(0.9)
  expect(await run({})).toEqual(first)
  expect(right(await run({ steps: 1, learningRate: 1e-6 }))).toBeLessThan(0.8)
  expect([...model.parameters.values()].map((w) => w.dataSync())).toEqual(weights)
  model.dispose()
})
