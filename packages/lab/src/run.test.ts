import { expect, test } from "bun:test"
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { Effect, Fiber, Layer } from "effect"
import { graphOf } from "../test/graph.ts"
import { runDistillation } from "../test/run-distillation.ts"
import { tiny, tinyModel } from "../test/tiny.ts"
import { plan } from "./estimate.ts"
import { resolve } from "./experiment/resolve.ts"
import { applySettings } from "./experiment/settings.ts"
import { earlier } from "./experiment/spec.ts"
import { fresh } from "./experiment/start.ts"
import { Progress, type ProgressEvent } from "./progress.ts"
import { makeRecord } from "./record/record.ts"
import { runRecord } from "./record/schema.ts"
import { inOrder } from "./stage.ts"
import { Store } from "./store/store.ts"
import { renderTable } from "./table.ts"

const folder = mkdtempSync(join(tmpdir(), "winnow-run-"))
const results = join(folder, "results")
const layers = Layer.mergeAll(Store.layer(folder), datasetsLayer({ folder: undefined }), Progress.silent)
const resolved = (...settings: ReadonlyArray<string>) =>
  Effect.flatMap(applySettings(tiny, settings), (e) => resolve(e))
const run = (...settings: ReadonlyArray<string>) =>
  Effect.runPromise(
    Effect.flatMap(resolved(...settings), (r) => runDistillation(r, { slug: "000-tiny", results })).pipe(
      Effect.provide(layers),
    ),
  )
const planned = (...settings: ReadonlyArray<string>) =>
  Effect.runPromise(Effect.flatMap(resolved(...settings), plan).pipe(Effect.provide(layers)))

test("an experiment runs whole, once; again it computes nothing and prints the same; a change computes its own", async () => {
  const before = await planned()
  expect(before.stages.every(({ state }) => state === "to do")).toBe(true)
  expect(before.stages.find(({ stage }) => stage === "target")!.work).toMatchObject({ steps: 80 })

  const tensors = tf.memory().numTensors
  const first = await run()
  expect(tf.memory().numTensors).toBe(tensors)
  const record = runRecord(JSON.parse(readFileSync(join(first.directory, "run.json"), "utf8")))
  if (record instanceof type.errors) throw new Error(record.summary)
  // Tokenizer, data, target, two rollouts, the scores of their texts; for each of two seeds start, two arms, three
  // measurements, and the tokens that one arm's filter keeps. The reference is the arm that trains on all tokens.
  expect(first.computed).toBe(6 + 2 * 7)
  expect(record.rows.map(({ name }) => name)).toEqual(["start", "all", "behind"])
  for (const row of record.rows) {
    expect(row.seeds.map(({ seed }) => seed)).toEqual([1, 2])
    expect(row.greedyAcceptance.value).toBeGreaterThanOrEqual(0)
    expect(row.tau.value).toBeGreaterThanOrEqual(1)
  }
  const [, all, behind] = record.rows
  expect(behind!.budget[0]!.arm.tokensTrained).toBeLessThan(all!.budget[0]!.arm.tokensTrained)
  expect(behind!.budget[0]!.reference!.tokensSeen).toBe(all!.budget[0]!.arm.tokensSeen)
  expect(behind!.budget[0]!.arm.flops).toBeGreaterThan(0)
  expect(behind!.budget[0]!.total.flops).toBe(behind!.budget[0]!.arm.flops + all!.budget[0]!.arm.flops)
  expect(all!.budget[0]!.total.flops).toBe(all!.budget[0]!.arm.flops)
  expect(record.differences.map(({ a, b, measure, seeds }) => [a, b, measure, seeds])).toEqual(
    ["greedyAcceptance", "expectedAcceptance", "tau", "draftKl"].map((measure) => ["all", "behind", measure, [1, 2]]),
  )
  expect(all!.seeds[0]!.timing).toMatchObject({ prompts: 2, identical: 2 })
  const rounds = all!.seeds.flatMap(({ timing }) => timing!.speedupByRound)
  expect(rounds.length).toBe(2 * 3)
  expect(all!.speedup.value).toBeGreaterThanOrEqual(Math.min(...rounds))
  expect(all!.speedup.value).toBeLessThanOrEqual(Math.max(...rounds))

  // The commit is that of the start, not of the moment when the record is written.
  const began = { commit: { hash: "0123abc", dirty: false }, versions: { winnow: "0.0.0" } }
  const late = await Effect.runPromise(
    Effect.gen(function* () {
      const [store, experiment] = [yield* Store, yield* resolved()]
      const graph = yield* graphOf(experiment)
      const found = inOrder(graph.leaves).map(({ kind, key }) => [key, store.find(kind, key)!] as const)
      return yield* makeRecord({ slug: "000-tiny" }, experiment, graph, graph.rollouts!, new Map(found), [], began)
    }).pipe(Effect.provide(layers)),
  )
  expect(late.record).toMatchObject(began)
  const manifest = JSON.parse(
    readFileSync(
      join(folder, "artifacts", "target", record.stages.find((s) => s.kind === "target")!.key, "manifest.json"),
      "utf8",
    ),
  )
  expect(manifest.versions).toEqual({ ...record.versions, commit: record.commit })

  const again = await run()
  expect(again.computed).toBe(0)
  expect(again.directory).toBe(first.directory)
  expect(renderTable(again.record)).toBe(renderTable(first.record))
  expect((await planned()).stages.every(({ state }) => state === "cached")).toBe(true)

  const changed = await planned("arms.behind.filter.k=0.25")
  expect(changed.stages.filter(({ state }) => state === "to do").map(({ stage }) => stage)).toEqual([
    "arm behind, seed 1",
    "measure behind, seed 1",
    "tokens that behind keeps, seed 1",
    "arm behind, seed 2",
    "measure behind, seed 2",
    "tokens that behind keeps, seed 2",
  ])

  const lines = readFileSync(join(first.directory, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((l) => JSON.parse(l))
  const steps = lines.filter((l) => l._tag === "step" && l.arm === "behind" && l.seed === 2).map((l) => l.step)
  expect(steps).toEqual([1, 2, 3, 4, 5, 6])
  const html = readFileSync(join(first.directory, "report.html"), "utf8")
  expect(html.match(/<svg/g)?.length).toBe(2 * 8) // Wide and narrow. No forest plot: two seeds allow no comparison. No kept fraction: it is constant.
  expect(html).toContain("<mark>")
  expect(html).not.toMatch(/(src|href)="(?!#|run.json|counts.json|metrics.jsonl|tokens.html)/) // The page is self-contained.
  expect(existsSync(join(folder, "artifacts", "target"))).toBe(true)
})

test("references that follow the draft, one trained by cross-entropy, and earlier ones of the start run", async () => {
  const steps: Readonly<Record<string, number>> = {
    '{"kind":"trained","steps":3,"batchSize":4}': 3,
    "earlier:2": 2,
    "earlier:4": 4,
  }
  for (const reference of ["average:0.5", '{"kind":"checkpoint","every":2}', ...Object.keys(steps)]) {
    const { record } = await run("seeds=[1]", `reference=${reference}`)
    const row = record.rows.find(({ name }) => name === "behind")!
    expect(reference).toContain(row.reference!)
    expect(row.budget[0]!.reference?.steps).toBe(steps[reference]!)
    const [{ arm, total }] = row.budget as [(typeof row.budget)[number]]
    // An earlier checkpoint is there as soon as the start is.
    expect(total.steps - arm.steps).toBe(row.reference === "trained" ? 3 : 0)
    const names = record.rows.map(({ name }) => name)
    // After its last step the checkpoint is the start, which has a row already.
    expect(names.includes("reference")).toBe(
      ["trained", "earlier"].includes(row.reference!) && reference !== "earlier:4",
    )
  }
})

test("an earlier checkpoint of the start is its state at that step; one that it never had is refused", async () => {
  const weightsOf = async (name: string, ...settings: ReadonlyArray<string>) =>
    (await run("seeds=[1]", "arms.all.steps=1", "arms.behind.steps=1", ...settings)).record.weights.find(
      (of) => of.name === name,
    )!.sha256
  // A constant rate is the same in a shorter training; a cosine falls sooner there.
  for (const [schedule, same] of [
    ["constant", true],
    ["cosine", false],
  ] as const) {
    const like = `draft.start.pretraining.optimizer.schedule=${schedule}`
    const checkpoint = await weightsOf("reference", "reference=earlier:4", "draft.start.pretraining.steps=6", like)
    const shorter = await weightsOf("start", "reference=average:0.5", "draft.start.pretraining.steps=4", like)
    expect([schedule, checkpoint === shorter]).toEqual([schedule, same])
  }
  const refused = async (...settings: ReadonlyArray<string>) =>
    (await Effect.runPromise(Effect.flip(resolved(...settings)))).message
  expect(await refused("reference=earlier:5")).toContain(
    "the reference of arms.behind: is of step 5, and the pretraining of its start has 4; name one of them",
  )
  const untrained = { ...tiny, draft: { start: fresh(tinyModel(8)) }, reference: earlier({ step: 2 }) }
  expect((await Effect.runPromise(Effect.flip(resolve(untrained)))).message).toContain(
    "is an earlier checkpoint of a fresh llama, which has no pretraining; give it one",
  )
  expect(await refused("reference=earlier:soon")).toContain("step must be a number")
})

for (const damaged of [false, true])
  test(`a run that is interrupted in the middle of an arm${damaged ? ", its checkpoint then damaged," : ""} ends as one that was not`, async () => {
    const settings = ["seeds=[1]", "arms.behind.steps=40", "arms.all.steps=12"]
    const whole = await run(...settings)
    const other = mkdtempSync(join(tmpdir(), "winnow-resumed-"))
    const stage = "arm behind, seed 1"
    const attempt = (onEvent: (event: ProgressEvent) => void) =>
      Effect.flatMap(resolved(...settings), (r) =>
        runDistillation(r, { slug: "000-tiny", results: join(other, "results") }),
      ).pipe(
        Effect.provide(Layer.mergeAll(Store.layer(other), datasetsLayer({ folder: undefined }))),
        Effect.provideService(Progress, { report: onEvent }),
      )
    let last = 0
    let stop = () => {}
    const fiber = Effect.runFork(
      attempt((e) => {
        if (e._tag !== "progress" || e.stage !== stage) return
        last = e.done
        if (e.done === 17) stop()
      }),
    )
    stop = () => fiber.interruptUnsafe()
    await Effect.runPromise(Fiber.await(fiber))
    expect(last).toBeGreaterThanOrEqual(17)
    expect(last).toBeLessThan(40)

    const steps: Array<number> = []
    const notes: Array<string> = []
    const arms = join(other, "artifacts", "arm")
    const [partial] = readdirSync(arms).filter((name) => name.endsWith(".partial"))
    const [step] = readdirSync(join(arms, partial!, "checkpoints"))
    if (damaged) appendFileSync(join(arms, partial!, "checkpoints", step!, "tensors.safetensors"), "x")
    const resumed = await Effect.runPromise(
      attempt((e) => {
        if (e._tag === "note" && e.text.includes("is damaged")) notes.push(e.text)
        if (e._tag === "progress" && e.stage === stage) steps.push(e.done)
      }),
    )
    expect(steps[0]).toBe(damaged ? 1 : last + 1)
    expect(notes.map((text) => text.replace(/\(.*\)/, "(...)"))).toEqual(
      damaged
        ? [`${stage}: the checkpoint of step ${last} is damaged (...); there is no other, so training starts again`]
        : [],
    )
    const weights = (root: string, key: string) =>
      Bun.file(join(root, "artifacts", "arm", key, "model.safetensors")).bytes()
    const { key } = resumed.record.stages.find(({ label }) => label === stage)!
    expect(await weights(other, key)).toEqual(await weights(folder, key))
    const lossesOf = (directory: string) =>
      readFileSync(join(directory, "metrics.jsonl"), "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
        .filter((l) => l._tag === "step" && l.stage === stage)
        .map(({ step, loss }) => [step, loss])
    expect(lossesOf(resumed.directory)).toEqual(lossesOf(whole.directory))
    expect(resumed.record.rows.map(({ greedyAcceptance }) => greedyAcceptance)).toEqual(
      whole.record.rows.map(({ greedyAcceptance }) => greedyAcceptance),
    )
  })
