import { expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { focusFinetune } from "@winnow/filter-focus-finetune"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { jsd } from "@winnow/loss-jsd"
import { kl } from "@winnow/loss-kl"
import { reverseKl } from "@winnow/loss-reverse-kl"
import { tvd } from "@winnow/loss-tvd"
import { tvdPlusPlus } from "@winnow/loss-tvd-plus-plus"
import { Effect, Layer } from "effect"
import { runDistillation } from "../test/run-distillation.ts"
import { everything, tiny } from "../test/tiny.ts"
import { resolve } from "./experiment/resolve.ts"
import { Progress } from "./progress.ts"
import { readMetrics } from "./stage.ts"
import { Store } from "./store/store.ts"

const budget = { steps: 3, batchSize: 4, optimizer: { warmup: 1 } }
const losses = {
  kl: kl(),
  "reverse-kl": reverseKl(),
  jsd: jsd(),
  tvd: tvd(),
  "tvd-plus-plus": tvdPlusPlus(),
  "cross-entropy": crossEntropy(),
}
const arms = {
  ...Object.fromEntries(
    Object.entries(losses).map(([name, loss]) => [name, { filter: everything(), loss, ...budget }]),
  ),
  "focus-cross-entropy": { filter: focusFinetune({ k: 0.5 }), loss: crossEntropy(), ...budget },
}

test("every loss runs as an arm, and focus-finetune on the gold tokens alone: all figures are finite", async () => {
  const home = mkdtempSync(join(tmpdir(), "winnow-losses-"))
  const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent)
  const experiment = { ...tiny, seeds: [1], arms, measure: { ...tiny.measure, timedPrompts: 1 } }
  const { record, directory } = await Effect.runPromise(
    Effect.flatMap(resolve(experiment), (r) =>
      runDistillation(r, { slug: "000-losses", results: join(home, "results") }),
    ).pipe(Effect.provide(layers)),
  )
  const rows = record.rows.filter(({ role }) => role === "arm")
  expect(rows.map(({ name, loss }) => [name, loss!.name])).toEqual([
    ...Object.keys(losses).map((name) => [name, name]),
    ["focus-cross-entropy", "cross-entropy"],
  ])
  const share = (x: number | null) => {
    expect(x).toBeGreaterThanOrEqual(0)
    expect(x).toBeLessThanOrEqual(1)
  }
  for (const { name, greedyAcceptance, expectedAcceptance, tau, mbsu, speedup, budget } of rows) {
    for (const { value, low, high } of [greedyAcceptance, expectedAcceptance])
      for (const x of [value, low, high]) share(x)
    for (const x of [tau.value, tau.low, tau.high]) expect(x).toBeGreaterThanOrEqual(1)
    for (const x of [mbsu.value, speedup.value]) expect(Number.isFinite(x) && x! > 0).toBe(true)
    const [{ arm, reference }] = budget as [(typeof budget)[number]]
    expect(arm.steps).toBe(3)
    for (const x of Object.values(arm)) expect(Number.isFinite(x) && x! > 0).toBe(true)
    expect(reference !== null).toBe(name === "focus-cross-entropy")
  }
  const all = rows.find(({ name }) => name === "cross-entropy")!.budget[0]!.arm
  const focused = rows.find(({ name }) => name === "focus-cross-entropy")!.budget[0]!.arm
  expect(focused.tokensSeen).toBe(all.tokensSeen)
  expect(focused.tokensTrained).toBeLessThan(all.tokensTrained)

  const lossesOf = (arm: string) =>
    readMetrics(directory).flatMap((l) => (l["_tag"] === "step" && l["arm"] === arm ? [l["loss"]] : []))
  for (const name of Object.keys(arms)) {
    expect(lossesOf(name).length).toBe(3)
    for (const loss of lossesOf(name)) expect(Number.isFinite(loss)).toBe(true) // NaN is null in JSON.
  }
  // The losses differ: each has its own curve.
  const firsts = Object.keys(losses).map((name) => lossesOf(name)[0])
  expect(new Set(firsts).size).toBe(firsts.length)
})
