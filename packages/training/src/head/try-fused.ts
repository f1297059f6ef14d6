/**
 * The trial of a `fused` loss: the native head must compute the plugin's own formula. If only one of the two was
 * changed, another loss than the plugin's would train.
 *
 * Letters: N rows, V vocabulary, d hidden size.
 */
import { type LossInstance, PluginFault, randomLogits, trialCase } from "@winnow/core"
import { seeded } from "@winnow/numerics"
import { native, tf } from "@winnow/tensor"
import { headFor } from "./head.ts"
import type { Pass } from "./pass.ts"

/** Relative to 1 + the magnitude: sums of V terms in single precision, in another order. */
const tolerance = 5e-3
const d = 16
const N = 4

const numbers = (loss: LossInstance, pass: Pass) => {
  const head = headFor({ filter: { needs: [] }, loss, chunkRows: N })
  return tf.tidy(() => {
    const { lossSum, gradient_Nd } = head.open(pass).gradient(new Uint8Array(N).fill(1), 1)
    return { lossSum, gradient_Nd: gradient_Nd.dataSync() as Float32Array }
  })
}

/**
 * Compares the native head's loss and gradient with the plugin's own on a few random rows. Does nothing without the
 * native library, for a loss without a form, and for one that samples: draws at a border are arbitrary.
 *
 * @error PluginFault (thrown) if they differ
 */
export const tryFused = (loss: LossInstance, V: number): void => {
  const { fused, ...plain } = loss
  if (fused === undefined || fused.form === "sampled-rewards" || native() === undefined) return
  const { gold_R, uniform_R } = trialCase(V, N)
  const rng = seeded(1, "trial", "fused", V)
  const rows = (scale: number) => ({
    h_Nd: tf.tensor2d(randomLogits(N, d, 1, rng), [N, d]),
    head_Vd: tf.tensor2d(randomLogits(V, d, scale, rng), [V, d]),
  })
  const [own, native_] = tf.tidy(() => {
    const pass: Pass = {
      draft: rows(0.3),
      target: loss.target ? rows(0.6) : undefined,
      gold_N: gold_R,
      uniform_N: uniform_R,
      step: 0,
      steps: 1,
    }
    return [numbers(plain, pass), numbers(loss, pass)] as never
  }) as unknown as readonly [ReturnType<typeof numbers>, ReturnType<typeof numbers>]
  const scale = own.gradient_Nd.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
  const apart =
    Math.abs(own.lossSum - native_.lossSum) > tolerance * (1 + Math.abs(own.lossSum)) ||
    native_.gradient_Nd.some((x, i) => !(Math.abs(x - own.gradient_Nd[i]!) <= tolerance * (scale + 1e-3)))
  if (!apart) return
  throw new PluginFault(
    `loss ${loss.name}`,
    "fused",
    `its fused form "${fused.form}" gives a loss of ${native_.lossSum.toPrecision(6)} on ${N} random rows, its own functions ` +
      `${own.lossSum.toPrecision(6)}${Math.abs(own.lossSum - native_.lossSum) > tolerance * (1 + Math.abs(own.lossSum)) ? "" : " and another gradient"}; expected the same: leave out fused where the formula is another`,
  )
}
