/** A run whose arms differ in rows alone: the same training, less padding, and the record says how much. */
import { expect, test } from "bun:test"
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { defineTask } from "@winnow/core"
import { datasetsLayer } from "@winnow/data"
import { type } from "arktype"
import { Effect, Layer } from "effect"
import { runDistillation } from "../test/run-distillation.ts"
import { behind, squares, tiny } from "../test/tiny.ts"
import { arm } from "./experiment/define.ts"
import { resolve } from "./experiment/resolve.ts"
import { Progress } from "./progress.ts"
import { runRecord } from "./record/schema.ts"
import { Store } from "./store/store.ts"
import { caption } from "./table/caption.ts"

/** A letter, said one to twelve times. */
const uneven = defineTask({
  name: "uneven",
  options: type({ "+": "reject" }),
  make: () => {
    const examples = Array.from({ length: 24 }, (_, i) => {
      const letter = String.fromCharCode(97 + i)
      return { prompt: `${letter}:`, answer: letter.repeat(1 + ((5 * i) % 12)) }
    })
    return Effect.succeed({ examples: () => examples, sharesPrompts: true })
  },
})

test("an arm on packed rows sees and trains the same tokens as on padded ones, in fewer positions", async () => {
  const home = mkdtempSync(join(tmpdir(), "winnow-packed-rows-"))
  const budget = { loss: squares(), steps: 6, batchSize: 8, optimizer: { warmup: 2 } }
  const of = (rows: "padded" | "packed") => ({ ...budget, batch: { rows, bucket: 1 } })
  const signals = { target: "hidden", reference: "cached" } as const
  const experiment = {
    ...tiny,
    task: uneven(),
    arms: {
      padded: arm({ filter: behind({ k: 0.5 }), ...of("padded"), signals }),
      packed: arm({ filter: behind({ k: 0.5 }), ...of("packed"), signals }),
    },
  }
  const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent)
  const { directory } = await Effect.runPromise(
    Effect.flatMap(resolve(experiment, { seeds: [1] }), (r) =>
      runDistillation(r, { slug: "000-tiny", results: join(home, "results") }),
    ).pipe(Effect.provide(layers)),
  )
  const record = runRecord.assert(JSON.parse(readFileSync(join(directory, "run.json"), "utf8")))
  const [padded, packed] = ["padded", "packed"].map((name) => record.rows.find((row) => row.name === name)!)
  const [a, b] = [padded!, packed!].map((row) => row.budget[0]!.arm)
  const counts = ({ tokensSeen, tokensValid, tokensTrained, flops }: NonNullable<typeof a>) => {
    return { tokensSeen, tokensValid, tokensTrained, flops }
  }
  expect(counts(b!)).toEqual(counts(a!))
  expect(a!.positions! / a!.tokensSeen).toBeGreaterThan(1.3)
  expect(b!.positions! / b!.tokensSeen).toBeLessThan(1.15)
  expect(packed!.draftKl.value!).toBeCloseTo(padded!.draftKl.value!, 3)
  const shares = [b!, a!].map((of) => (100 * (1 - of.tokensSeen / of.positions!)).toFixed(1))
  const line = `Padding: ${shares[0]} to ${shares[1]} % of the positions of the arms' batches.`
  expect(caption(record)).toContain(line)
  expect(readFileSync(join(directory, "report.html"), "utf8")).toContain("of the positions of the arms")
})
