/** Token pages of a head, of a reference that follows the draft, of a filter with a memory. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { tf } from "@winnow/tensor"
import { Effect, Layer } from "effect"
import { runDistillation } from "../../test/run-distillation.ts"
import experiment from "../../test/tokens-experiment.ts"
import { resolve } from "../experiment/resolve.ts"
import { Progress } from "../progress.ts"
import { Store } from "../store/store.ts"
import { pageOf, snapshotAt, type Texts } from "./browser/data.ts"
import { roles } from "./constants.ts"
import { tokensOf } from "./of-run.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-unusual-tokens-"))
afterAll(() => rmSync(home, { recursive: true }))
const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent)
const found = { slug: "000-unusual", file: join(import.meta.dir, "../../test/tokens-experiment.ts") }

let sets: ReadonlyArray<Texts>
beforeAll(async () => {
  const ran = Effect.gen(function* () {
    const resolved = yield* resolve(experiment)
    const { directory } = yield* runDistillation(resolved, { slug: "000-unusual", results: join(home, "results") })
    const tensors = tf.memory().numTensors
    const document = yield* tokensOf({ directory, home, prompts: 6, found })
    return { document, left: tf.memory().numTensors - tensors }
  })
  const { document, left } = await Effect.runPromise(ran.pipe(Effect.provide(layers)))
  expect(left).toBe(0)
  sets = pageOf(document).sets
})

const armOf = (set: number, name: string) => sets[set]!.arms.find((arm) => arm.name === name)!

test("a head has verdicts, a choice, the loss and acceptance of its first place, and no top tokens", () => {
  const head = armOf(0, "head")
  const { role } = head.decoding!
  // A head reads the target's states: before the first call it proposes nothing.
  expect(roles[role[0]!]).toBe("alone")
  expect([...role].every((code) => code < roles.length)).toBe(true)
  const [first, last] = [0, 1].map((moment) => snapshotAt(head, moment))
  expect([last!.draft!.k, last!.draft!.nll.length]).toEqual([0, sets[0]!.N])
  const mean = (all: Float32Array) => {
    const known = all.filter((x) => !Number.isNaN(x))
    return known.reduce((a, b) => a + b, 0) / known.length
  }
  expect(mean(last!.draft!.nll)).toBeLessThan(mean(first!.draft!.nll))
  expect(last!.acceptance!.every((a) => Number.isNaN(a) || (a >= 0 && a <= 1 + 1e-6))).toBe(true)
  expect(snapshotAt(head, 1).kept!.every((one) => one === 1)).toBe(true)
})

test("a reference that follows the draft is the draft before the first step, and is not known after the last", () => {
  const [first, last] = [0, 1].map((moment) => snapshotAt(armOf(0, "following"), moment))
  const { statistics, kept } = first!
  expect(statistics.get("referenceLoss_N")).toEqual(statistics.get("draftLoss_N")!)
  expect(kept!.every((one) => one === 1)).toBe(true) // All scores are 0, and ties are kept.
  expect(last!.kept).toBeNull()
  expect(last!.note).toContain("follows the draft")
  expect(last!.draft!.nll.length).toBe(sets[0]!.N)
  // The training recorded its choice among other tokens.
  const recorded = snapshotAt(armOf(1, "following"), 1)
  expect(recorded.kept!.includes(0)).toBe(true)
  expect(recorded.note).toBeNull()
})

test("a filter with a memory has a choice before the first step, and recorded ones", () => {
  const [first, last] = [0, 1].map((moment) => snapshotAt(armOf(0, "memory"), moment))
  expect(first!.kept!.includes(0)).toBe(true)
  expect(last!.kept).toBeNull()
  expect(last!.note).toContain("remembers")
  expect(snapshotAt(armOf(1, "memory"), 1).kept!.includes(0)).toBe(true)
})
