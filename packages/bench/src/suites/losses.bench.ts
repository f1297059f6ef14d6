/**
 * Each loss on one chunk of logits: its value alone, as the statistics pass needs it, and value with gradient, as the
 * kept rows need it. The product that makes the logits is excluded.
 *
 * Letters: R rows of a chunk, V vocabulary.
 */
import { Categorical, type LossChunk, type LossInstance, pieces } from "@winnow/core"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { jsd } from "@winnow/loss-jsd"
import { kl } from "@winnow/loss-kl"
import { late } from "@winnow/loss-late"
import { lk } from "@winnow/loss-lk"
import { negLogAcceptance } from "@winnow/loss-neg-log-acceptance"
import { reverseKl } from "@winnow/loss-reverse-kl"
import { sharpenedKl } from "@winnow/loss-sharpened-kl"
import { skewedKl } from "@winnow/loss-skewed-kl"
import { tvd } from "@winnow/loss-tvd"
import { tvdPlusPlus } from "@winnow/loss-tvd-plus-plus"
import { normals, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { instanceOf } from "@winnow/testing"
import { lossOf } from "@winnow/training"
import { do_not_optimize } from "mitata"
import type { Suite } from "../suite.ts"

const uses = {
  "cross-entropy": crossEntropy(),
  kl: kl(),
  "reverse-kl": reverseKl(),
  jsd: jsd(),
  "skewed-kl": skewedKl(),
  "sharpened-kl": sharpenedKl(),
  late: late({ share: pieces(1) }),
  tvd: tvd(),
  "neg-log-acceptance": negLogAcceptance(),
  lk: lk(),
  "tvd-plus-plus": tvdPlusPlus(),
  "tvd-plus-plus, uniform": tvdPlusPlus({ expectation: "uniform" }),
  "tvd-plus-plus, sampled": tvdPlusPlus({ expectation: "sampled" }),
}

/** The step's chunk at GPT-NeoX's vocabulary, and one with as many rows as a small vocabulary allows. */
const sizes = [
  [128, 50304],
  [512, 1024],
] as const

/** Tensors of a chunk's inputs. Each call makes new distributions from them, so that no cached value carries over. */
const inputs = (R: number, V: number) => {
  const rng = seeded(1, "loss bench", R, V)
  const logits = () => tf.tensor2d(normals(R * V, 2, rng), [R, V])
  return {
    draft: logits(),
    target: logits(),
    gold_R: tf.tensor1d(
      Int32Array.from({ length: R }, () => rng.below(V)),
      "int32",
    ),
    uniform_R: Float32Array.from({ length: R }, rng.uniform),
  }
}

const chunkOf = ({ draft, target, gold_R, uniform_R }: ReturnType<typeof inputs>, loss: LossInstance): LossChunk => {
  const chunk = (batch: ReadonlyArray<number>): LossChunk => ({
    draft: new Categorical(draft),
    target: loss.target ? new Categorical(target) : undefined,
    gold_R,
    uniform_R,
    step: 0,
    steps: 1,
    batch,
  })
  if (loss.batch === undefined) return chunk([])
  // A separate pass before the rows' values, as in the step.
  const sum_M = tf.tidy(() => tf.sum(loss.batch!.rows(chunk([])), 0).dataSync())
  return chunk(loss.batch.combine(Float64Array.from(sum_M), draft.shape[0]))
}

export const losses: Suite = ({ bench }) => {
  for (const [R, V] of sizes)
    for (const [name, use] of Object.entries(uses))
      for (const what of ["value", "value and gradient"] as const)
        bench(`${name}, ${what}, [${R}, ${V}]`, {
          work: { amount: R, unit: "tokens/s" },
          setup: async function* () {
            const loss = await instanceOf(use)
            const tensors = inputs(R, V)
            // A read of the result ends the call: a GPU has only begun when an op returns.
            const value = () => loss.value(chunkOf(tensors, loss)).dataSync()
            const both = () => tf.slice(lossOf(loss, chunkOf(tensors, loss)).gradient_RV, [R - 1, 0], [1, 1]).dataSync()
            const run = what === "value" ? value : both
            try {
              yield () => do_not_optimize(tf.tidy(run))
            } finally {
              tf.dispose([tensors.draft, tensors.target, tensors.gold_R])
            }
          },
        })
}
