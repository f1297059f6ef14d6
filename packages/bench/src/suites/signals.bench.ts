/**
 * Making caches of signals for 1024 tokens: the target's top 64, its products in float32 and in bfloat16, and the
 * losses of a reference beside it. Files are written and flushed, as in a stage.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Decoder, EncodedExample } from "@winnow/core"
import { kl } from "@winnow/loss-kl"
import { gptNeox } from "@winnow/model-gpt-neox"
import { initialise } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { instanceOf } from "@winnow/testing"
import {
  type CachedForm,
  cachedTarget,
  chunkRowsFor,
  makeReferenceSignals,
  makeTargetSignals,
  openSignals,
} from "@winnow/training"
import { Effect } from "effect"
import type { Setup, Suite } from "../suite.ts"

const V = 50304
const [B, T] = [4, 256]
const identity = { run: "bench signals" }
const examples: ReadonlyArray<EncodedExample> = Array.from({ length: B }, (_, e) => {
  const rng = seeded(1, "signals bench", e)
  return { ids: Int32Array.from({ length: T + 1 }, () => rng.below(V)), promptLength: 0 }
})
const making = { identity, examples, chunkRows: chunkRowsFor(V) }

const model = (hidden_size: number, heads: number, seed: number): Decoder =>
  initialise(
    Effect.runSync(
      gptNeox({
        ...{ vocab_size: V, max_position_embeddings: 512, hidden_size, num_hidden_layers: 6 },
        ...{ num_attention_heads: heads, intermediate_size: 4 * hidden_size },
      }).instance,
    ),
    seed,
  )

/** Runs with a folder for each call; all are removed at the end. */
function* inFolders(use: (fresh: () => string) => ReturnType<Setup>) {
  const root = mkdtempSync(join(tmpdir(), "winnow-bench-signals-"))
  try {
    yield* use(() => mkdtempSync(join(root, "cache-"))) as Generator<() => unknown>
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

const ofTarget = (form: CachedForm): Setup =>
  function* () {
    yield* inFolders(function* (fresh) {
      const target = model(512, 8, 3)
      try {
        yield () => Effect.runSync(makeTargetSignals({ ...making, directory: fresh(), target, form }))
      } finally {
        target.dispose()
      }
    })
  }

const ofReference: Setup = async function* () {
  const loss = await instanceOf(kl())
  yield* inFolders(function* (fresh) {
    const [target, reference] = [model(512, 8, 3), model(256, 8, 2)]
    try {
      const [directory, form] = [fresh(), { topK: 64 }]
      Effect.runSync(makeTargetSignals({ ...making, directory, target, form }))
      const signals = { target: cachedTarget(openSignals(directory, identity, examples), form) }
      const of = { reference, statistics: ["referenceLoss_N"] as const, loss, signals }
      yield () => Effect.runSync(makeReferenceSignals({ ...making, directory: fresh(), ...of }))
    } finally {
      for (const each of [target, reference]) each.dispose()
    }
  })
}

export const signals: Suite = ({ bench }) => {
  const work = { amount: B * T, unit: "tokens/s" } as const
  const name = "top 64 of a target (d = 512, 6 layers), float32"
  bench(name, { work, setup: ofTarget({ topK: 64 }) })
  bench("the same, bfloat16", { work, comparedTo: name, setup: ofTarget({ topK: 64, precision: "bfloat16" }) })
  bench("losses of a reference (d = 256, 6 layers), float32", { work, setup: ofReference })
}
