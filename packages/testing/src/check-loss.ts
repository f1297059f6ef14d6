/** The laws that every loss keeps. R rows of a chunk, V vocabulary. */
import {
  type LossCase,
  type LossInstance,
  type LossNumbers,
  type LossUse,
  lossNumbers,
  PluginFault,
  readyLoss,
} from "@winnow/core"
import { type OwnLayer, readyWith } from "./instance.ts"
import { type Law, lawsOf } from "./law.ts"
import { lossCases } from "./loss-cases.ts"

/** One row in double precision, the input of a plain reference. */
export interface LossRow {
  /** The draft's logits. Finite differences change these. */
  readonly draft_V: Float64Array
  /** The draft's logits, unchanged: for values that the loss treats as constants (rewards, samples). */
  readonly fixed_V: Float64Array
  readonly target_V: Float64Array
  readonly gold: number
  readonly uniform: number
  /** Steps done, and steps of the stage. */
  readonly step: number
  readonly steps: number
  /** The result of the loss's own `batch.combine`. */
  readonly batch: ReadonlyArray<number>
}

/** Claims of a loss. */
export interface LossClaims {
  /** The loss of one row, plain and slow, in double precision: the checks compare value and gradient with it. */
  readonly reference: (row: LossRow) => number
  /** The batch statistics, plain and slow; needed if the loss has any. */
  readonly batch?: (rows: ReadonlyArray<LossRow>) => ReadonlyArray<number>
  /** Value and gradient are 0 where draft and target are equal, and no value is negative. */
  readonly zeroAtTarget?: boolean
}

/**
 * Largest difference of single precision from the double reference, relative to 1 + the magnitude of the value. Sums of
 * up to 31 float32 terms and a difference of two logarithms: rounding of about 30 ulp, 4e-6; five times that.
 */
const tolerance = 2e-5
/** Step of the central difference: its own error is h^2 = 1e-10, rounding of a value of 1e4 adds 1e-16 1e4 / h = 1e-7. */
const h = 1e-5

const largest = (values: ArrayLike<number>) =>
  Array.prototype.reduce.call(values, (m, x) => Math.max(m as number, Math.abs(x)), 0) as number

/** First index at which values of different rows differ, each on its own scale; -1 if none. */
const apart = (actual: ArrayLike<number>, expected: ArrayLike<number>): number =>
  // Not `>`: a NaN on either side must count as a difference.
  Array.prototype.findIndex.call(
    actual,
    (x, i) => !(Math.abs(x - expected[i]!) <= tolerance * (1 + Math.abs(expected[i]!))),
  )

/** First index at which two gradients of one row differ, on the scale of its largest entry; -1 if none. */
const apartAsRow = (actual: ArrayLike<number>, expected: ArrayLike<number>): number => {
  const scale = 1 + largest(expected)
  return Array.prototype.findIndex.call(actual, (x, i) => !(Math.abs(x - expected[i]!) <= tolerance * scale))
}

type Measured = LossNumbers & { readonly autodiff_RV: Float32Array }

/** All results of the loss for a case, as numbers; a broken rule of the contract is a broken law. */
const measure = (law: Law, loss: LossInstance, c: LossCase, batch?: ReadonlyArray<number>): Measured => {
  try {
    return lossNumbers(loss, c, { batch, autodiff: true }) as Measured
  } catch (cause) {
    if (cause instanceof PluginFault) law(cause.rule, false, () => `${c.name}: ${cause.detail}`)
    throw cause
  }
}

const rowsOf = (c: LossCase, batch: ReadonlyArray<number>): ReadonlyArray<LossRow> =>
  Array.from({ length: c.R }, (_, r) => {
    const cut = (x_RV: Float32Array) => Float64Array.from(x_RV.subarray(r * c.V, (r + 1) * c.V))
    return {
      draft_V: cut(c.draft_RV),
      fixed_V: cut(c.draft_RV),
      target_V: cut(c.target_RV),
      gold: c.gold_R[r]!,
      uniform: c.uniform_R[r]!,
      step: c.step,
      steps: c.steps,
      batch,
    }
  })

/** Central differences of the plain reference by the draft's logits of one row. */
const finiteDifferences = (reference: LossClaims["reference"], row: LossRow): Float64Array =>
  row.draft_V.map((z, v) => {
    const at = (moved: number) => reference({ ...row, draft_V: row.draft_V.with(v, moved) })
    return (at(z + h) - at(z - h)) / (2 * h)
  })

/**
 * Checks a loss with its options against all laws, on chunks of 1 to 5 rows and vocabularies of 1, 2 and 31, with
 * plain, sharp, extreme (+-50) and zero-probability logits from a fixed seed.
 *
 * The laws: value equals the plain reference; the closed-form gradient, and autodiff of `value`, equal central
 * differences of the reference; everything is finite; gradient rows sum to 0 and nothing changes when a constant is
 * added to the logits (softmax does not see it); a row's numbers do not depend on the other rows, for fixed batch
 * statistics; no tensor is left over; and the claims hold.
 *
 * @error LawBroken names the law, the case and the row
 */
export const checkLoss = async <R>(use: LossUse<R>, claims: LossClaims, ...services: OwnLayer<R>): Promise<void> => {
  const law = lawsOf(`loss ${use.name}`)
  const loss = await readyWith<LossInstance, R>(readyLoss(use), services)
  for (const c of lossCases()) {
    const measured = measure(law, loss, c)
    const rows = rowsOf(c, measured.batch)
    checkBatch(law, c, claims, loss, measured, rows)
    checkNumbers(law, c, claims, measured, rows)
    checkInvariance(law, c, loss, measured)
    if (claims.zeroAtTarget === true) checkZero(law, c, loss, measured)
  }
}

const checkBatch = (
  law: Law,
  c: LossCase,
  claims: LossClaims,
  loss: LossInstance,
  m: Measured,
  rows: ReadonlyArray<LossRow>,
) => {
  const expected = loss.batch === undefined ? [] : claims.batch?.(rows)
  law(
    "batch",
    expected !== undefined,
    () => "the loss has batch statistics, the claims no `batch` to check them against",
  )
  const off = m.batch.length === expected!.length ? apart(m.batch, expected!) : 0
  law("batch", off < 0, () => `${c.name}: statistics [${m.batch}], reference [${expected}]`)
}

const checkNumbers = (law: Law, c: LossCase, claims: LossClaims, m: Measured, rows: ReadonlyArray<LossRow>) => {
  const expected_R = rows.map(claims.reference)
  const off = apart(m.value_R, expected_R)
  law("value", off < 0, () => `${c.name}, row ${off}: value ${m.value_R[off]}, reference ${expected_R[off]}`)
  if (m.loss_R !== undefined) {
    const differs = apart(m.loss_R, expected_R)
    law(
      "value with gradient",
      differs < 0,
      () => `${c.name}, row ${differs}: gradient() gives loss ${m.loss_R![differs]}, reference ${expected_R[differs]}`,
    )
  }
  for (const [r, row] of rows.entries()) {
    const expected_V = finiteDifferences(claims.reference, row)
    for (const [how, gradient_RV] of [
      ["gradient", m.gradient_RV],
      ["autodiff of value", m.autodiff_RV],
    ] as const) {
      if (gradient_RV === undefined) continue
      const found_V = gradient_RV.subarray(r * c.V, (r + 1) * c.V)
      const v = apartAsRow(found_V, expected_V)
      law(
        how,
        v < 0,
        () => `${c.name}, row ${r}, entry ${v}: ${found_V[v]}, central difference of the reference ${expected_V[v]}`,
      )
      const total = found_V.reduce((a, b) => a + b, 0)
      law(
        "gradient sums to 0",
        Math.abs(total) <= tolerance * (1 + largest(found_V)),
        () =>
          `${c.name}, row ${r}: ${how} sums to ${total}, expected 0: softmax does not see a constant added to the logits`,
      )
    }
  }
}

/** The rows of a case alone, and all logits shifted by a constant; both with fixed batch statistics. */
const checkInvariance = (law: Law, c: LossCase, loss: LossInstance, m: Measured) => {
  const compare = (what: string, other: Measured, r0: number, detail: string) => {
    const cut = (x: Float32Array, width: number) => x.subarray(r0 * width, r0 * width + other.value_R.length * width)
    const values = apart(other.value_R, cut(m.value_R, 1))
    law(
      what,
      values < 0,
      () => `${c.name}: ${detail} changes the value of row ${r0 + values} to ${other.value_R[values]}`,
    )
    const gradients = apartAsRow(other.gradient_RV ?? other.autodiff_RV, cut(m.gradient_RV ?? m.autodiff_RV, c.V))
    law(what, gradients < 0, () => `${c.name}: ${detail} changes the gradient, at entry ${gradients}`)
  }
  for (let r = 0; r < c.R; r++) {
    const cut = <T extends Float32Array | Int32Array>(x: T, width: number) => x.slice(r * width, (r + 1) * width) as T
    const alone: LossCase = {
      ...c,
      R: 1,
      draft_RV: cut(c.draft_RV, c.V),
      target_RV: cut(c.target_RV, c.V),
      gold_R: cut(c.gold_R, 1),
      uniform_R: cut(c.uniform_R, 1),
    }
    compare("rows are independent", measure(law, loss, alone, m.batch), r, `taking row ${r} alone`)
  }
  // 4 is a power of two: adding it rounds logits of up to 50 by one ulp of 64 at most, 4e-6.
  const up = (x_RV: Float32Array) => x_RV.map((z) => z + 4)
  const moved: LossCase = { ...c, draft_RV: up(c.draft_RV), target_RV: up(c.target_RV) }
  compare("constant added", measure(law, loss, moved, m.batch), 0, "adding 4 to all logits")
}

const checkZero = (law: Law, c: LossCase, loss: LossInstance, m: Measured) => {
  const negative = m.value_R.findIndex((x) => x < -tolerance)
  law("not negative", negative < 0, () => `${c.name}, row ${negative}: value ${m.value_R[negative]}, claimed 0 or more`)
  const perfect = measure(law, loss, { ...c, draft_RV: c.target_RV })
  for (const [what, actual] of [
    ["value", perfect.value_R],
    ["gradient", perfect.gradient_RV ?? []],
  ] as const) {
    const off = largest(actual)
    law(
      "zero at the target",
      off <= tolerance,
      () => `${c.name}: ${what} ${off} for a draft equal to the target, claimed 0`,
    )
  }
}
