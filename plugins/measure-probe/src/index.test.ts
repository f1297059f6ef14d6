import { expect, test } from "bun:test"
import { defineTask, type EncodedExample } from "@winnow/core"
import { seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { instanceOf } from "@winnow/testing"
import { type } from "arktype"
import { Effect } from "effect"
import { probe } from "./index.ts"
import { featuresOf, fitLogistic, predictedClasses } from "./logistic.ts"

const [n, d, C] = [60, 4, 3]
const problem = (seed: number) => {
  const rng = seeded(seed, "logistic")
  const x_nd = Float32Array.from({ length: n * d }, () => rng.normal())
  const class_n = Int32Array.from({ length: n }, (_, i) => (x_nd[i * d]! + 0.7 * rng.normal() > 0 ? 1 : rng.below(C)))
  return { x_nd, class_n, d, C }
}
const finished = <A>(pieces: Generator<void, A>): A => {
  for (;;) {
    const { done, value } = pieces.next()
    if (done) return value as A
  }
}

/** The loss and its gradient in double precision, by plain loops. */
const slowly = ({ x_nd, class_n }: ReturnType<typeof problem>, w: ArrayLike<number>, penalty: number) => {
  const ridge = (k: number) => (k < d ? penalty : 1e-6)
  const gradient = Array.from({ length: (d + 1) * C }, (_, at) => ridge(Math.floor(at / C)) * w[at]!)
  let loss = gradient.reduce((sum, g, at) => sum + (g * w[at]!) / 2, 0)
  for (let i = 0; i < n; i++) {
    const x = [...x_nd.subarray(i * d, (i + 1) * d), 1]
    const z = Array.from({ length: C }, (_, c) => x.reduce((sum, value, k) => sum + value * w[k * C + c]!, 0))
    const log = Math.log(z.reduce((sum, one) => sum + Math.exp(one), 0))
    loss += (log - z[class_n[i]!]!) / n
    for (const [k, value] of x.entries())
      for (const [c, one] of z.entries())
        gradient[k * C + c]! += ((Math.exp(one - log) - (class_n[i] === c ? 1 : 0)) * value) / n
  }
  return { loss, gradient }
}

test.each([0.001, 0.1, 1])("penalty %d: the loss is the least that plain gradient descent finds", (penalty) => {
  const of = problem(1)
  const before = tf.memory().numTensors
  const fast = finished(fitLogistic({ ...of, penalty }))
  expect(tf.memory().numTensors).toBe(before)
  let w = new Array<number>((d + 1) * C).fill(0)
  for (let step = 0; step < 8000; step++) {
    const { gradient } = slowly(of, w, penalty)
    w = w.map((x, at) => x - 0.5 * gradient[at]!)
  }
  const [least, found] = [slowly(of, w, penalty), slowly(of, fast, penalty)]
  expect(found.loss).toBeWithin(least.loss - 1e-6, least.loss * (1 + 1e-4))
  expect(Math.max(...found.gradient.map(Math.abs))).toBeLessThan(5e-3)
  // the same answers, but where two classes are almost level
  const guesses = predictedClasses(of.x_nd, fast, d, C)
  const plain = predictedClasses(of.x_nd, Float32Array.from(w), d, C)
  expect(guesses.filter((c, i) => c !== plain[i]).length).toBeLessThanOrEqual(1)
})

test("features have mean 0 and variance 1 over the fitted texts; a constant dimension is 0", () => {
  const h = Float32Array.of(1, 5, 3, 5, 5, 5)
  const x = featuresOf(h, 3, 2)(h)
  expect([x[1]!, x[3]!, x[5]!]).toEqual([0, 0, 0])
  expect(x[0]! + x[2]! + x[4]!).toBeCloseTo(0, 6)
  expect((x[0]! ** 2 + x[2]! ** 2 + x[4]! ** 2) / 3).toBeCloseTo(1, 5)
})

/** A task that no measure here reads: the examples come with the input. */
const none = defineTask({
  name: "none",
  options: type({ "+": "reject" }),
  make: () => Effect.succeed({ examples: () => [] }),
})
/** Texts of one token of a class's own and one of no meaning. */
const examples = (count: number, seed: number): ReadonlyArray<EncodedExample> => {
  const rng = seeded(seed, "texts")
  return Array.from({ length: count }, () => {
    const c = rng.below(3)
    return { ids: Int32Array.of(10 + c, rng.below(5), 100 + c), promptLength: 2 }
  })
}
/** States of a model that tells the classes, or not, after training on nothing. */
const pooled = (tells: boolean) => (texts: ReadonlyArray<Int32Array>) =>
  tf.tensor2d(
    texts.map(([a, b]) => [tells && a === 10 ? 1 : 0, tells && a === 11 ? 1 : 0, b!]),
    [texts.length, 3],
  )
const run = async (tells: boolean) => {
  const { fitted } = await instanceOf(probe({ task: none(), texts: 50 }))
  const input = {
    ...{ training: examples(200, 1), validation: examples(50, 2), measured: examples(300, 3), d: 3 },
    pooled: pooled(tells),
    copy: () => {
      throw new Error("a probe trains no copy")
    },
    rng: seeded(1, "probe"),
  }
  const before = tf.memory().numTensors
  const texts = finished(fitted(input))
  expect(tf.memory().numTensors).toBe(before)
  return texts
}

test("states that tell the classes are right everywhere, others as often as chance; so many texts are measured", async () => {
  const right = await run(true)
  expect(right).toHaveLength(50)
  expect(right.every(([sum, count]) => sum === 1 && count === 1)).toBe(true)
  const chance = await run(false)
  expect(chance.reduce((sum, [one]) => sum + one, 0) / 50).toBeWithin(0.1, 0.6)
})
