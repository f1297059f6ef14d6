/** The laws of losses catch losses that break them: one broken loss for each law. */
import { describe, expect, test } from "bun:test"
import { Categorical, defineLoss, detached, type LossFunctions } from "@winnow/core"
import { klDivergence, logSoftmax, mean } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { checkLoss, type LossClaims } from "./check-loss.ts"
import { LawBroken } from "./law.ts"

const loss = (functions: LossFunctions<true>) =>
  defineLoss({ name: "suspect", target: true, options: type({ "+": "reject" }), make: () => functions })()

/** Forward KL from TFJS operations only, with TFJS's own gradient. */
const value: LossFunctions<true>["value"] = ({ draft, target }) =>
  tf.sum(tf.mul(target.p_RV(), tf.sub(target.logP_RV(), draft.logP_RV())), 1)
const gradient: NonNullable<LossFunctions<true>["gradient"]> = (chunk) => ({
  loss_R: value(chunk),
  gradient_RV: tf.sub(chunk.draft.p_RV(), chunk.target.p_RV()),
})
const claims: LossClaims = {
  reference: ({ draft_V, target_V }) => klDivergence(logSoftmax(target_V), logSoftmax(draft_V)),
  zeroAtTarget: true,
}
const scaledBy =
  (x: number): NonNullable<LossFunctions<true>["gradient"]> =>
  (chunk) => {
    const { loss_R, gradient_RV } = gradient(chunk)
    return { loss_R, gradient_RV: tf.mul(gradient_RV, x) }
  }

/** The value is right, but autodiff does not see half of it, as with a fused kernel. */
const halfOffTape: LossFunctions<true>["value"] = (chunk) =>
  tf.add(
    tf.mul(value(chunk), 0.5),
    tf.mul(
      detached(() => value({ ...chunk, draft: new Categorical(chunk.draft.logits_RV) })),
      0.5,
    ),
  )
/** Rows of the last chunk: a loss that scales by them can agree with a reference of one row. */
let rows = 0

describe("a loss that keeps the laws passes", () => {
  test("with a closed-form gradient", () => checkLoss(loss({ value, gradient }), claims))
  test("with autodiff alone", () => checkLoss(loss({ value }), claims))
})

describe("a loss that breaks a law is caught", () => {
  const cases: ReadonlyArray<[law: string, functions: LossFunctions<true>, claims?: Partial<LossClaims>]> = [
    ["value", { value: (c) => tf.mul(value(c), 1.001) }],
    [
      "value",
      {
        value: ({ draft, target }) =>
          tf.sum(tf.mul(target.p_RV(), tf.sub(tf.log(target.p_RV()), tf.log(draft.p_RV()))), 1),
      },
    ],
    ["value with gradient", { value, gradient: (c) => ({ ...gradient(c), loss_R: tf.mul(value(c), 2) }) }],
    ["gradient", { value, gradient: scaledBy(1.001) }],
    ["gradient", { value, gradient: scaledBy(-1) }],
    ["shape", { value: (c) => tf.sum(value(c)) as unknown as tf.Tensor1D }],
    ["shape", { value, gradient: (c) => ({ loss_R: value(c), gradient_RV: tf.zeros([1, 3]) }) }],
    ["no leak", { value: (c) => tf.keep(value(c)) }],
    ["batch", { value, batch: { rows: (c) => value(c).expandDims(1), combine: (sum) => [sum[0]!] } }],
    ["batch", { value, batch: { rows: (c) => value(c).expandDims(1), combine: () => [7] } }, { batch: () => [8] }],
    ["autodiff of value", { value: halfOffTape, gradient }],
    [
      "gradient sums to 0",
      { value: (c) => tf.add(value(c), tf.mean(c.draft.logits_RV, 1)) },
      { reference: (row) => claims.reference(row) + mean(row.draft_V) },
    ],
    [
      "constant added",
      { value: (c) => tf.add(value(c), tf.mean(c.target.logits_RV, 1)) },
      { reference: (row) => claims.reference(row) + mean(row.target_V) },
    ],
    [
      "rows are independent",
      { value: (c) => tf.mul(value(c), (rows = c.gold_R.size)) },
      { reference: (row) => claims.reference(row) * rows },
    ],
    [
      "zero at the target",
      { value: ({ draft, gold_R }) => draft.nll_R(gold_R) },
      { reference: ({ draft_V, gold }) => -logSoftmax(draft_V)[gold]! },
    ],
    ["not negative", { value: (c) => tf.neg(value(c)) }, { reference: (row) => -claims.reference(row) }],
  ]
  for (const [law, functions, changed] of cases)
    test(law, async () => {
      const error = await checkLoss(loss(functions), { ...claims, ...changed }).catch((e: unknown) => e)
      expect(error).toBeInstanceOf(LawBroken)
      expect((error as LawBroken).law).toBe(law)
      expect((error as LawBroken).message).toStartWith(`loss suspect breaks the law "${law}": `)
    })
})
