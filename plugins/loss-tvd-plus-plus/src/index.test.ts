import { describe, expect, test } from "bun:test"
import { Categorical, type LossChunk, type LossInstance, tryLoss } from "@winnow/core"
import { logSoftmax, mean, normals, seeded, softmax, totalVariation, variance } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { checkLoss, instanceOf, type LossRow } from "@winnow/testing"
import { tvdPlusPlus } from "./index.ts"

const epsilon = 1e-5
const sum = (x: ArrayLike<number>) => Array.prototype.reduce.call(x, (a, b) => (a as number) + b, 0) as number

/** Probabilities in single precision: if both sides underflow to 0 it is a tie, and earns no reward. */
const single = (logits_V: Float64Array) => softmax(logits_V).map((x) => (x < 1.17549435e-38 ? 0 : Math.fround(x)))
const rewards = ({ fixed_V, target_V }: LossRow) => {
  const [p_V, q_V] = [single(target_V), single(fixed_V)]
  return p_V.map((p, v) => (p > q_V[v]! ? 1 : 0))
}
const moments = (mu: number) => [mu, Math.sqrt(Math.max(0, mu * (1 - mu)))]

/** S systematic draws of tokens from the row's own draft, by scanning the cumulative sum. */
const draws = (row: LossRow, S: number) => {
  const q_V = softmax(row.fixed_V)
  return Array.from({ length: S }, (_, s) => {
    const u = Math.fround((row.uniform + s / S) % 1)
    let total = 0
    return q_V.findIndex((q) => (total += q) > u)
  })
}

describe("keeps the laws", () => {
  test("exact", () =>
    checkLoss(tvdPlusPlus(), {
      reference: ({ draft_V, target_V, batch }) =>
        totalVariation(logSoftmax(target_V), logSoftmax(draft_V)) / (batch[1]! + epsilon),
      batch: (rows) => moments(mean(rows.map((row) => sum(softmax(row.fixed_V).map((q, v) => q * rewards(row)[v]!))))),
      zeroAtTarget: true,
    }))

  test("uniform over the vocabulary, rewards normalised over the batch", () =>
    checkLoss(tvdPlusPlus({ expectation: "uniform" }), {
      reference: (row) => {
        const logQ_V = logSoftmax(row.draft_V)
        const [mu, sigma] = row.batch as [number, number]
        return -mean(rewards(row).map((r, v) => ((r - mu) / (sigma + epsilon)) * logQ_V[v]!))
      },
      batch: (rows) => moments(mean(rows.map((row) => mean(rewards(row))))),
    }))

  test("uniform over the vocabulary, rewards normalised by position", () =>
    checkLoss(tvdPlusPlus({ expectation: "uniform", normalise: "position" }), {
      reference: (row) => {
        const logQ_V = logSoftmax(row.draft_V)
        const r_V = rewards(row)
        const sd = r_V.length < 2 ? 0 : Math.sqrt(variance(r_V))
        return -mean(r_V.map((r, v) => ((r - mean(r_V)) / (sd + epsilon)) * logQ_V[v]!))
      },
    }))

  for (const samples of [1, 4])
    test(`sampled, ${samples} a token`, () =>
      checkLoss(tvdPlusPlus({ expectation: "sampled", samples }), {
        reference: (row) => {
          const logQ_V = logSoftmax(row.draft_V)
          const [mu, sigma] = row.batch as [number, number]
          return -mean(draws(row, samples).map((v) => ((rewards(row)[v]! - mu) / (sigma + epsilon)) * logQ_V[v]!))
        },
        batch: (rows) => moments(mean(rows.flatMap((row) => draws(row, samples).map((v) => rewards(row)[v]!)))),
      }))
})

const [R, V] = [6, 17]
const rng = seeded(5, "tvd++")
const draft_RV = normals(R * V, 1.5, rng)
const target_RV = normals(R * V, 1.5, rng)

const chunk = (uniform_R: Float32Array, batch: ReadonlyArray<number>): LossChunk => ({
  draft: new Categorical(tf.tensor2d(draft_RV, [R, V])),
  target: new Categorical(tf.tensor2d(target_RV, [R, V])),
  gold_R: tf.zeros([R], "int32"),
  uniform_R,
  step: 0,
  steps: 1,
  batch,
})

const batchOf = (loss: LossInstance, uniform_R: Float32Array): ReadonlyArray<number> => {
  let sums: Float32Array = new Float32Array()
  tf.tidy(() => void (sums = tf.sum(loss.batch!.rows(chunk(uniform_R, [])), 0).dataSync() as Float32Array))
  return loss.batch!.combine(Float64Array.from(sums), R)
}

/** The gradient of a loss on the same six rows, by default with its own batch statistics. */
const gradientOf = (
  loss: LossInstance,
  uniform_R: Float32Array = new Float32Array(R),
  batch = batchOf(loss, uniform_R),
): Float32Array => {
  let gradient_RV: Float32Array = new Float32Array()
  tf.tidy(() => {
    gradient_RV = loss.gradient!(chunk(uniform_R, batch)).gradient_RV.dataSync() as Float32Array
  })
  return gradient_RV
}

/** The gradient of TVD by each row's logits, in double: 1/2 q (s - E_q s). */
const tvdGradient = Float64Array.from({ length: R * V }, (_, i) => {
  const r = Math.floor(i / V)
  const cut = (x: Float32Array) => softmax(x.subarray(r * V, (r + 1) * V))
  const [p_V, q_V] = [cut(target_RV), cut(draft_RV)]
  const s_V = q_V.map((q, v) => Math.sign(q - p_V[v]!))
  return 0.5 * q_V[i % V]! * (s_V[i % V]! - sum(q_V.map((q, v) => q * s_V[v]!)))
})

const slope = (x: ArrayLike<number>, y: ArrayLike<number>) =>
  sum(Array.from(x, (a, i) => a * y[i]!)) / sum(Array.from(x, (a) => a * a))

test("exact is TVD up to scale: one factor for the whole batch, 1 / sigma", async () => {
  const gradient_RV = gradientOf(await instanceOf(tvdPlusPlus()))
  const factor = slope(tvdGradient, gradient_RV)
  expect(factor).toBeGreaterThan(1) // sigma of a 0/1 reward is at most 1/2, so the factor is at least 2.
  for (const [i, g] of gradient_RV.entries()) expect(Math.abs(g - factor * tvdGradient[i]!)).toBeLessThan(1e-6)
})

test("uniform has another direction", async () => {
  const gradient_RV = gradientOf(await instanceOf(tvdPlusPlus({ expectation: "uniform" })))
  const norm = (x: ArrayLike<number>) => Math.sqrt(sum(Array.from(x, (a) => a * a)))
  const cosine = (slope(tvdGradient, gradient_RV) * norm(tvdGradient)) / norm(gradient_RV)
  expect(cosine).toBeLessThan(0.9)
  expect(cosine).toBeGreaterThan(0)
})

test("sampled is the exact one on average, and 16 draws a token are far nearer than 1", async () => {
  const exact = await instanceOf(tvdPlusPlus())
  const exact_RV = gradientOf(exact)
  // The exact moments for both: moments from a few draws are noisy themselves, and correlated with the draws.
  const batch = batchOf(exact, new Float32Array(R))
  const rounds = 300
  const squaredError = async (samples: number) => {
    const loss = await instanceOf(tvdPlusPlus({ expectation: "sampled", samples }))
    const average_RV = new Float64Array(R * V)
    let squared = 0
    for (let round = 0; round < rounds; round++) {
      const draw = seeded(round, "draws", samples)
      const uniform_R = Float32Array.from({ length: R }, () => draw.uniform())
      for (const [i, g] of gradientOf(loss, uniform_R, batch).entries()) {
        average_RV[i]! += g / rounds
        squared += (g - exact_RV[i]!) ** 2 / rounds
      }
    }
    // Unbiased: the average of `rounds` is off by squared / rounds in expectation; three times that is far out.
    const off = sum(average_RV.map((g, i) => (g - exact_RV[i]!) ** 2))
    expect(off).toBeLessThan((3 * squared) / rounds)
    return squared
  }
  expect(await squaredError(16)).toBeLessThan((await squaredError(1)) / 16)
})

test("batch statistics that were not computed are asked for, not guessed", async () => {
  const loss = await instanceOf(tvdPlusPlus())
  tf.tidy(() => {
    const same = new Categorical(tf.tensor2d([[0, 1]]))
    const alone = {
      draft: same,
      target: same,
      gold_R: tf.tensor1d([0], "int32"),
      uniform_R: Float32Array.of(0),
      step: 0,
      steps: 1,
      batch: [],
    }
    expect(() => loss.value(alone)).toThrow(/run batch.rows over all rows of the pass/)
  })
})

test("options that would do nothing are refused", async () => {
  await expect(instanceOf(tvdPlusPlus({ samples: 4 }))).rejects.toThrow(/samples/)
  await expect(instanceOf(tvdPlusPlus({ normalise: "position" }))).rejects.toThrow(/uniform/)
})

test("the trial before a run takes every form of it, one draw a row too", async () => {
  const forms = [
    tvdPlusPlus(),
    tvdPlusPlus({ expectation: "uniform" }),
    tvdPlusPlus({ expectation: "sampled" }),
    tvdPlusPlus({ expectation: "uniform", normalise: "position" }),
  ]
  for (const form of forms) {
    const loss = await instanceOf(form)
    for (const V of [2, 17, 128]) expect(() => tryLoss(loss, V)).not.toThrow()
  }
})
