/** Averages of weights against the same sums in double precision, by native code and by TensorFlow's ops. */
import { expect, test } from "bun:test"
import { normals, seeded } from "@winnow/numerics"
import { native, withoutNative } from "../native/native.ts"
import { tf } from "../tf.ts"
import { WeightAverage } from "./weight-average.ts"

const valuesAt = (step: number) => normals(40, 1, seeded(3, "w", step))

const ways = [
  ["native", <T>(make: () => T) => make()],
  ["plain", withoutNative],
] as const

for (const [way, as] of native() === undefined ? ways.slice(1) : ways)
  test(`${way}: the first updates count alike, later ones decay; the variables take the average; nothing is left`, () => {
    const before = tf.memory().numTensors
    const weight = tf.tidy(() => tf.variable(tf.tensor(normals(40, 1, seeded(3, "start")), [8, 5])))
    const average = new WeightAverage(new Map([["weight", weight]]), 0.75)
    as(() => average.take())
    expect(Array.from(weight.dataSync())).toEqual(Array.from(normals(40, 1, seeded(3, "start"))))
    const expected = new Float64Array(40)
    for (let step = 1; step <= 9; step++) {
      tf.tidy(() => weight.assign(tf.tensor(valuesAt(step), [8, 5])))
      as(() => average.update())
      // 1 / 4 from the fourth update on; before it the plain mean.
      const share = step < 4 ? 1 / step : 1 / 4
      for (const [i, x] of valuesAt(step).entries()) expected[i]! += share * (x - expected[i]!)
      if (step === 1) expect(average.averages.get("weight")!.dataSync()).toEqual(valuesAt(1))
      for (const [i, x] of average.averages.get("weight")!.dataSync().entries()) expect(x).toBeCloseTo(expected[i]!, 6)
    }
    as(() => average.take())
    for (const [i, x] of weight.dataSync().entries()) expect(x).toBeCloseTo(expected[i]!, 6)
    // The average has memory of its own.
    const taken = weight.dataSync().slice()
    as(() => average.update())
    tf.tidy(() => weight.assign(tf.zeros([8, 5])))
    as(() => average.update())
    expect(taken).not.toEqual(average.averages.get("weight")!.dataSync() as Float32Array)
    average.dispose()
    weight.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })

test("a variable without elements has an average without elements", () => {
  const weight = tf.tidy(() => tf.variable(tf.zeros([0, 3])))
  const average = new WeightAverage(new Map([["weight", weight]]), 0.5)
  average.update()
  average.take()
  expect(weight.shape).toEqual([0, 3])
  average.dispose()
  weight.dispose()
})
