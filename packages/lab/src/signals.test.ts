/** Arms with cached signals through the whole lab: the same figures, shared caches, refusals before any work. */
import { expect, test } from "bun:test"
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { focusFinetune } from "@winnow/filter-focus-finetune"
import { kl } from "@winnow/loss-kl"
import { tvdPlusPlus } from "@winnow/loss-tvd-plus-plus"
import { native, tf } from "@winnow/tensor"
import { type SignalsInput, signalsOptions } from "@winnow/training"
import { Effect, Layer } from "effect"
import { runDistillation } from "../test/run-distillation.ts"
import { behind, everything, squares, tiny } from "../test/tiny.ts"
import { plan } from "./estimate.ts"
import { arm, defineExperiment } from "./experiment/define.ts"
import { resolve } from "./experiment/resolve.ts"
import { applySettings } from "./experiment/settings.ts"
import { distilled } from "./experiment/spec.ts"
import { Progress, type ProgressEvent } from "./progress.ts"
import { readMetrics } from "./stage.ts"
import { openTargetSignals } from "./stages/signals.ts"
import { readSplit } from "./stages/text.ts"
import { Store } from "./store/store.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-signals-"))
const events: Array<ProgressEvent> = []
const layers = Layer.mergeAll(
  Store.layer(home),
  datasetsLayer({ folder: undefined }),
  Layer.succeed(Progress, { report: (event: ProgressEvent) => void events.push(event) }),
)
const budget = { steps: 6, batchSize: 4, optimizer: { warmup: 2 } }
const selective = (signals?: SignalsInput) =>
  arm({ filter: behind({ k: 0.5 }), loss: kl(), ...budget, ...(signals && { signals }) })
const experiment = defineExperiment({
  ...tiny,
  seeds: [1],
  reference: distilled({ filter: everything(), loss: kl(), ...budget }),
  arms: {
    live: selective(),
    full: selective({ target: "full", reference: "cached" }),
    hidden: selective({ target: "hidden", reference: "cached" }),
    reference: selective({ reference: "cached" }),
    "top-k": selective({ target: { topK: 1 }, reference: "cached" }),
    samples: selective({ target: { samples: 32 }, reference: "cached" }),
    focus: arm({
      filter: focusFinetune({ k: 0.5 }),
      loss: kl(),
      ...budget,
      signals: { target: { topK: 1 }, reference: "cached" },
    }),
  },
})
// The name of an arm may not begin with "reference".
const { reference: cachedReferenceOnly, ...arms } = experiment.arms
const whole = { ...experiment, arms: { ...arms, "cached-reference": cachedReferenceOnly! } }
const run = (...settings: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const resolved = yield* resolve(yield* applySettings(whole, settings))
    return yield* runDistillation(resolved, { slug: "000-signals", results: join(home, "results") })
  }).pipe(Effect.provide(layers))

test("arms with and without caches have the same losses; caches are shared, counted and announced", async () => {
  const tensors = tf.memory().numTensors
  const { record, directory } = await Effect.runPromise(run())
  expect(tf.memory().numTensors).toBe(tensors)

  // The record names the head of each stage once.
  const heads = readMetrics(directory).filter((l) => l["_tag"] === "head")
  const ways = (name: string) => heads.filter((l) => l["arm"] === name).map((l) => l["loss"])
  expect(ways("live")).toEqual([native() ? "native" : "plain"])
  expect(ways("full")).toEqual(["plain"])
  expect(ways("top-k")).toEqual([native() ? "native-sparse" : "plain"])
  const losses = (name: string) =>
    readMetrics(directory).flatMap((l) => (l["_tag"] === "step" && l["arm"] === name ? [l["loss"] as number] : []))
  const live = losses("live")
  expect(live.length).toBe(6)
  const off = (name: string) => Math.max(...losses(name).map((loss, i) => Math.abs(loss - live[i]!)))
  expect(off("full")).toBeLessThan(1e-4)
  expect(off("cached-reference")).toBeLessThan(1e-4)
  expect(off("hidden")).toBeLessThan(0.02) // The difference is that of bfloat16.
  expect(off("top-k")).toBeLessThan(0.5)
  expect(off("top-k")).toBeGreaterThan(1e-4) // Top-k is another loss: it has two outcomes.
  for (const loss of losses("samples")) expect(Number.isFinite(loss)).toBe(true)

  // The target in four forms; the reference's loss against live, full, hidden, top k and samples; its gold tokens once.
  const caches = record.stages.filter(({ kind }) => kind === "signals")
  expect(
    caches
      .filter(({ label }) => label.startsWith("target signals"))
      .map(({ label }) => label)
      .toSorted(),
  ).toEqual(["target signals, 32 samples", "target signals, full", "target signals, hidden", "target signals, top 1"])
  expect(caches.filter(({ label }) => label === "reference signals, seed 1").length).toBe(6)

  const row = (name: string) => record.rows.find((r) => r.name === name)!.budget[0]!
  expect(row("live").signals).toEqual([])
  const [target, reference] = row("top-k").signals!
  const trained = 12 * 11 // twelve letters, ten times each, and the end
  expect(target!.bytes).toBe(trained * (8 + 4))
  expect(reference!.bytes).toBe(trained * 4)
  expect(row("focus").signals!.map(({ key }) => key)).toContain(target!.key)
  expect(row("top-k").arm.flops).toBeLessThan(row("hidden").arm.flops)
  expect(row("hidden").arm.flops).toBeLessThan(row("live").arm.flops)

  // A message gives its size before its first token.
  for (const { label } of caches) {
    const about = events.flatMap((e): ReadonlyArray<string | number> => {
      if (e._tag === "note") return e.text.startsWith(`${label}: `) ? [e.text] : []
      return e._tag === "progress" && e.stage === label ? [e.done] : []
    })
    expect(about[0]).toMatch(/: 132 tokens of \d+ bytes, \d+\.\d MiB; .* are free$/)
    expect(about.at(-1)).toBe(132)
  }
  const again = await Effect.runPromise(run())
  expect(again.computed).toBe(0)
  const planned = await Effect.runPromise(Effect.flatMap(resolve(whole), plan).pipe(Effect.provide(layers)))
  expect(planned.stages.find(({ stage }) => stage === "target signals, top 1")!.work.bytes).toBe(target!.bytes)
})

const planOf = () => Effect.runPromise(Effect.flatMap(resolve(whole), plan).pipe(Effect.provide(layers)))
const folderOf = async (label: string) => {
  const { kind, key } = (await planOf()).stages.find(({ stage }) => stage === label)!
  return join(home, "artifacts", kind, key)
}

test("a damaged cache is computed again; one of other weights is refused", async () => {
  const folder = await folderOf("target signals, full")
  const piece = join(folder, readdirSync(folder).find((name) => name.endsWith(".bin"))!)
  const bytes = readFileSync(piece)
  const before = Buffer.from(bytes)
  bytes[100]! ^= 1
  writeFileSync(piece, bytes)
  const { computed } = await Effect.runPromise(run())
  expect(computed).toBe(1)
  expect(readFileSync(piece).equals(before)).toBe(true)

  // The same key, whole by its manifest, but with weights of another run.
  const header = JSON.parse(readFileSync(join(folder, "signals.json"), "utf8"))
  expect(Object.keys(header.identity).toSorted()).toEqual(["code", "data", "form", "of", "tokenizer", "weights"])
  const store = await Effect.runPromise(Effect.provide(Store, layers))
  const found = (kind: string) => store.find(kind, readdirSync(join(home, "artifacts", kind))[0]!)!
  const data = found("data")
  const text = await Effect.runPromise(readSplit(data, "train"))
  const signals = store.find("signals", basename(folder))!
  const open = (target: ReturnType<typeof found>) =>
    Effect.runPromise(openTargetSignals("full", signals, { target, data, text }).pipe(Effect.scoped))
  expect((await open(found("target"))).form).toBe("full")
  await expect(open(found("start"))).rejects.toThrow(
    /was made of something else: weights is [0-9a-f]{64}, this run has/,
  )
})

test("an interrupted cache resumes, with the same bytes", async () => {
  const folder = await folderOf("target signals, full")
  const contents = () =>
    readdirSync(folder)
      .filter((f) => f.endsWith(".bin"))
      .map((f) => readFileSync(join(folder, f)))
  const before = contents()
  // The state that a kill after the first piece leaves.
  const header = JSON.parse(readFileSync(join(folder, "signals.json"), "utf8"))
  const { inputs } = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"))
  renameSync(folder, `${folder}.partial`)
  writeFileSync(join(`${folder}.partial`, ".inputs"), JSON.stringify(inputs))
  for (const name of ["signals.json", "manifest.json"]) rmSync(join(`${folder}.partial`, name))
  const hash = Bun.hash.xxHash3(JSON.stringify(header.identity)).toString(16).padStart(16, "0")
  const lines = [{ identity: header.identity, hash }, header.pieces[0]].map((line) => `${JSON.stringify(line)}\n`)
  writeFileSync(join(`${folder}.partial`, "pieces.jsonl"), lines.join(""))
  expect((await planOf()).stages.find(({ stage }) => stage === "target signals, full")!.state).toBe("to resume")
  events.length = 0
  expect((await Effect.runPromise(run())).computed).toBe(1)
  expect(contents()).toEqual(before)
  expect(existsSync(join(folder, "pieces.jsonl"))).toBe(false)
  expect(events.find((e) => e._tag === "note" && e.text.startsWith("target signals, full"))).toMatchObject({
    text: expect.stringContaining("0.0 MiB of it still to be written"),
  })
})

const refused = async (...settings: ReadonlyArray<string>) => {
  const error = await Effect.runPromise(
    Effect.flip(Effect.flatMap(Effect.flatMap(applySettings(whole, settings), resolve), plan)).pipe(
      Effect.provide(layers),
    ),
  )
  return error.message
}

test("a need that a form cannot serve is refused before any work, with the forms that can", async () => {
  const squared = { ...whole, plugins: [squares, tvdPlusPlus] }
  const message = async (...settings: ReadonlyArray<string>) =>
    (await Effect.runPromise(Effect.flip(Effect.flatMap(applySettings(squared, settings), resolve)))).message
  expect(await message("arms.top-k.loss=squares")).toBe(
    "experiment tiny, arms.top-k: loss squares compares all of the target's distribution, and top 1 hold a part; set " +
      "signals.target to live, hidden or full, or use a loss that is linear in the target, such as kl at temperature 1",
  )
  expect(await message("arms.full.loss=tvd-plus-plus")).toContain("has statistics of the whole batch")
  expect(await message('arms.hidden.reference={"kind":"average","decay":0.9}')).toContain(
    "the reference is an average of the draft as it is trained, so it cannot be computed beforehand",
  )
  expect(await message("arms.top-k.signals.target=cached")).toContain("signals.target must be")
  expect(await refused('arms.top-k.signals.target={"topK":1000}')).toContain(
    "signals.target.topK is 1000, the vocabulary 257; expected 257 at most, or full",
  )
})

test("settings change signals; what nothing reads is live, and so the same artifact", async () => {
  const resolved = await Effect.runPromise(
    Effect.flatMap(
      applySettings(whole, ["arms.live.signals.target=hidden", 'arms.samples.signals={"target":{"samples":9}}']),
      (e) => resolve(e),
    ),
  )
  const signals = (name: string) => resolved.arms.find((a) => a.name === name)!.signals
  expect(signals("live")).toEqual({ target: "hidden", reference: "live" })
  expect(signals("samples")).toEqual({ target: { samples: 9, seed: 0 }, reference: "live" })
  const unread = { ...arm({ filter: everything(), loss: kl(), ...budget }), signals: { reference: "cached" as const } }
  const [found] = (await Effect.runPromise(resolve({ ...whole, arms: { unread } }))).arms
  expect(found!.signals).toEqual(signalsOptions.assert({}))
})

test("a top k in bfloat16 is a stage of its own, beside the same in float32", async () => {
  const form = '{"topK":1,"precision":"bfloat16"}'
  const changed = Effect.flatMap(applySettings(whole, [`arms.top-k.signals.target=${form}`]), (e) => resolve(e))
  const planned = (await Effect.runPromise(Effect.flatMap(changed, plan).pipe(Effect.provide(layers)))).stages
  const [whole32, rounded] = ["target signals, top 1", "target signals, top 1 in bfloat16"].map((label) =>
    planned.find(({ stage }) => stage === label),
  )
  expect(rounded!.key).not.toBe(whole32!.key)
  expect(rounded!.work).toEqual(whole32!.work)
})
