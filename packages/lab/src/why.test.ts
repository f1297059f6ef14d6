import { expect, test } from "bun:test"
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { Effect, Layer } from "effect"
import { runDistillation } from "../test/run-distillation.ts"
import { tiny } from "../test/tiny.ts"
import { plan } from "./estimate.ts"
import { resolve } from "./experiment/resolve.ts"
import { applySettings } from "./experiment/settings.ts"
import { Progress } from "./progress.ts"
import { Store } from "./store/store.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-why-"))
const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent)
const planOf = (...settings: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    return yield* plan(yield* resolve(yield* applySettings({ ...tiny, seeds: [1] }, settings)))
  }).pipe(Effect.provide(layers), Effect.runPromise)
/** The reasons of the missing stages, by label, without the artifact that each is compared with. */
const reasons = ({ stages }: Awaited<ReturnType<typeof planOf>>) =>
  Object.fromEntries(
    stages.flatMap(({ stage, why }) => (why === null ? [] : [[stage, why.replace(/ \(since .*\)$/, "")]])),
  )

test("a plan says of each stage why it is to do: nothing like it, an option, an input, damage", async () => {
  expect(reasons(await planOf())["target"]).toBe("the store has no target yet")
  const run = Effect.flatMap(resolve({ ...tiny, seeds: [1] }), (r) =>
    runDistillation(r, { slug: "000-tiny", results: home }),
  )
  await Effect.runPromise(run.pipe(Effect.provide(layers)))
  expect(reasons(await planOf())).toEqual({})

  const changed = await planOf("arms.behind.filter.k=0.25")
  expect(reasons(changed)).toEqual({
    "arm behind, seed 1": "filter.options.k 0.5 -> 0.25",
    "measure behind, seed 1": "its input arm changed",
    "tokens that behind keeps, seed 1": "filter.options.k 0.5 -> 0.25",
  })
  expect(changed.stages.find(({ stage }) => stage === "arm behind, seed 1")!.why).toMatch(
    / \(since arm [0-9a-f]{10} of 20\d\d-\d\d-\d\d \d\d:\d\d\)$/,
  )
  expect(reasons(await planOf("target.pretraining.steps=81"))).toMatchObject({
    target: "steps 80 -> 81",
    "target's rollouts, greedy": "its input target changed",
    "arm all, seed 1": "its input target changed",
  })

  const { key } = (await planOf()).stages.find(({ stage }) => stage === "draft start, seed 1")!
  writeFileSync(join(home, "artifacts/start", key, "config.json"), "{}")
  expect(reasons(await planOf())["draft start, seed 1"]).toMatch(
    /config\.json: has 2 bytes; expected \d+ by its manifest$/,
  )
})

test("a plan without any data gives the run's message, and no invented times", async () => {
  const settings = ["maxLength=8"]
  const refused = /none is left; raise maxLength/
  const run = Effect.flatMap(applySettings({ ...tiny, seeds: [1] }, settings), (e) => resolve(e)).pipe(
    Effect.flatMap((r) => runDistillation(r, { slug: "000-tiny", results: home })),
    Effect.provide(layers),
  )
  await expect(Effect.runPromise(run)).rejects.toThrow(refused)
  await expect(planOf(...settings)).rejects.toThrow(refused)
})
