/**
 * Loss and gradients of one micro-batch: the selective step against the plain dense one, and against itself with less
 * work.
 *
 * Signals of target and reference are computed live; the optimizer is excluded.
 */
import { type FilterInstance, type LossUse, pieces } from "@winnow/core"
import { collate } from "@winnow/data"
import { adaspec } from "@winnow/filter-adaspec"
import { none } from "@winnow/filter-none"
import { random } from "@winnow/filter-random"
import { kl } from "@winnow/loss-kl"
import { sharpenedKl } from "@winnow/loss-sharpened-kl"
import { seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { instanceOf } from "@winnow/testing"
import { headFor, type MicroBatch, runMicroBatch } from "@winnow/training"
import { runDenseMicroBatch } from "@winnow/training/dense"
import { do_not_optimize } from "mitata"
import { neox, vocabulary } from "../neox.ts"
import type { Setup, Suite } from "../suite.ts"

const [B, T] = [4, 128]

/** B sequences of random tokens, all valid but the first. */
const randomBatch = () => {
  const rng = seeded(1, "micro-batch bench")
  const ids = () => Int32Array.from({ length: T + 1 }, () => rng.below(vocabulary))
  return collate(Array.from({ length: B }, () => ({ ids: ids(), promptLength: 1 })))
}

const stepOf = (run: typeof runMicroBatch, instance: () => Promise<FilterInstance>, use: LossUse = kl()): Setup =>
  async function* () {
    const [filter, loss] = [await instance(), await instanceOf(use)]
    const [draft, reference, target] = [await neox(128, 2, 1), await neox(128, 2, 2), await neox(256, 4, 3)]
    const step: MicroBatch = {
      batch: randomBatch(),
      draft,
      reference,
      target,
      filter,
      head: headFor({ filter, loss }),
      step: 0,
      steps: 1,
      seed: 1,
      micro: 0,
      divide: true,
    }
    try {
      yield () => {
        const { gradients, lossSum } = run(step)
        // A read of the result ends the call: a GPU has only begun when an op returns.
        const last = tf.tidy(() => tf.sum(Object.values(gradients)[0]!).dataSync())
        tf.dispose(gradients)
        do_not_optimize([lossSum, last])
      }
    } finally {
      for (const model of [draft, reference, target]) model.dispose()
    }
  }

export const microBatch: Suite = ({ bench }) => {
  const work = { amount: B * T, unit: "tokens/s" } as const
  const dense = "dense, adaspec k = 0.4"
  const adaspecOf = () => instanceOf(adaspec({ k: 0.4 }))
  bench(dense, { work, setup: stepOf(runDenseMicroBatch, adaspecOf) })
  bench("selective, adaspec k = 0.4", { work, comparedTo: dense, setup: stepOf(runMicroBatch, adaspecOf) })
  const all = "selective, none"
  const noneOf = () => instanceOf(none())
  bench(all, { work, setup: stepOf(runMicroBatch, noneOf) })
  bench("selective, none, sharpened-kl", {
    work,
    comparedTo: all,
    setup: stepOf(runMicroBatch, noneOf, sharpenedKl({ temperature: pieces(0.5) })),
  })
  bench("selective, random k = 0.4", {
    work,
    comparedTo: all,
    setup: stepOf(runMicroBatch, () => instanceOf(random({ k: 0.4 }))),
  })
}
