/** Text that a draft writes between its steps, as an arm's text: its cost, its key, and refusals. */
import { expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { Effect, Layer } from "effect"
import { runDistillation } from "../test/run-distillation.ts"
import { everything, squares, tiny, tinyModel } from "../test/tiny.ts"
import { arm, type Experiment } from "./experiment/define.ts"
import { resolve } from "./experiment/resolve.ts"
import { applySettings } from "./experiment/settings.ts"
import { fresh } from "./experiment/start.ts"
import { describeText, mixture, splitText, type TextSpec, taskText, written } from "./experiment/text.ts"
import { buildGraph } from "./graph.ts"
import { Progress } from "./progress.ts"
import { Store } from "./store/store.ts"
import { readTexts } from "./texts.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-own-texts-"))
const layers = Layer.mergeAll(
  Store.layer(home),
  datasetsLayer({ folder: undefined }),
  Layer.succeed(Progress, { report: () => {} }),
)
const resolved = (experiment: Experiment, ...settings: ReadonlyArray<string>) =>
  Effect.flatMap(applySettings(experiment, settings), (e) => resolve(e))
const run = (experiment: Experiment, ...settings: ReadonlyArray<string>) =>
  Effect.runPromise(
    Effect.flatMap(resolved(experiment, ...settings), (r) =>
      runDistillation(r, { slug: "000-tiny", results: join(home, "results") }),
    ).pipe(Effect.provide(layers)),
  )

const budget = { steps: 5, batchSize: 4, optimizer: { warmup: 2 } }
const distil = { filter: everything(), loss: squares(), ...budget }
const own = written({ by: "draft", temperature: 1, maxNew: 6 })
const byTarget = written({ by: "target", maxNew: 12 })
const base: Experiment = {
  ...tiny,
  target: fresh(tinyModel(32), { steps: 60, batchSize: 8, optimizer: { learningRate: 0.01, warmup: 5 } }),
  arms: { task: arm(distil) },
  seeds: [1],
  measure: { ...tiny.measure!, prompts: 2, timedPrompts: 1 },
}
const withText = (text: TextSpec): Experiment => ({ ...base, arms: { ...base.arms, own: arm({ ...distil, text }) } })
const half = mixture({ data: { weight: 1, text: taskText() }, own: { weight: 1, text: own } })

test("an arm reads what its draft writes, alone or as a part: its seconds and FLOPs are the arm's own", async () => {
  const { record } = await run({
    ...base,
    arms: { ...base.arms, own: arm({ ...distil, text: own }), half: arm({ ...distil, text: half }) },
  })
  expect(record.missing).toEqual([])
  const row = (name: string) => record.rows.find((r) => r.name === name)!.budget[0]!
  const [task, whole, part] = [row("task").arm, row("own").arm, row("half").arm]
  expect(task.tokensWritten).toBeUndefined()
  // Each of 20 texts has at most 6 tokens, and a prompt of 2.
  expect(whole.tokensWritten).toBeLessThanOrEqual(20 * 6)
  expect(whole.tokensWritten).toBeGreaterThan(20)
  expect(part.tokensWritten).toBeLessThanOrEqual(10 * 6)
  expect(whole.tokensValid).toBe(whole.tokensWritten!)
  for (const { arm, total } of [row("own"), row("half")]) {
    expect(total.flops).toBe(arm.flops)
    expect(arm.passes).toBeCloseTo(20 / 12, 9)
  }
  // The same batches without the writing cost less, as the draft reads prompt and text once more.
  const steps = task.flops / task.tokensSeen
  expect(whole.flops).toBeGreaterThan(steps * whole.tokensSeen)
  const again = await run({ ...base, arms: { own: arm({ ...distil, text: own }) } })
  expect(again.computed).toBeLessThan(3)
})

test("the rest of a mixture is a stage without the draft's part; its weight is a setting, and 0 leaves the draft out", async () => {
  const three = mixture({
    data: { weight: 1, text: taskText() },
    target: { weight: 1, text: byTarget },
    own: { weight: 2, text: own },
  })
  const stages = async (...settings: ReadonlyArray<string>) => {
    const { measured } = await Effect.runPromise(
      Effect.gen(function* () {
        const r = yield* resolved(withText(three), ...settings)
        return yield* buildGraph(r, yield* readTexts(r))
      }).pipe(Effect.provide(layers)),
    )
    return measured.find(({ name }) => name === "own")!.trained
  }
  const trained = await stages()
  const [mixed] = trained.inputs.filter(({ kind }) => kind === "text")
  expect(mixed!.label).toBe("mixed text, 1 data to 1 target")
  const key = async (...settings: ReadonlyArray<string>) => (await stages(...settings)).key
  const at = "arms.own.text.parts.own"
  const keys = [
    trained.key,
    await key(`${at}.weight=1`),
    await key(`${at}.text.seed=1`),
    await key(`${at}.text.maxNew=5`),
    await key(`${at}.text.temperature=0.5`),
    await key(`${at}.weight=0`),
  ]
  expect(new Set(keys).size).toBe(keys.length)
  const without = mixture({ data: { weight: 1, text: taskText() }, target: { weight: 1, text: byTarget } })
  const plain = await Effect.runPromise(
    Effect.gen(function* () {
      const r = yield* resolve(withText(without))
      return yield* buildGraph(r, yield* readTexts(r))
    }).pipe(Effect.provide(layers)),
  )
  expect(keys.at(-1)).toBe(plain.measured.find(({ name }) => name === "own")!.trained.key)
  // The work of writing is in the plan, so that steps of equal compute pay for it.
  expect(trained.work.flops).toBeGreaterThan(plain.measured.find(({ name }) => name === "own")!.trained.work.flops!)
})

test("text of the draft that cannot be is refused before any work", async () => {
  const refused = async (experiment: Experiment, ...settings: ReadonlyArray<string>) =>
    (await Effect.runPromise(Effect.flip(resolved(experiment, ...settings)))).message
  expect(await refused(base, "target.pretraining.text=written:draft")).toContain(
    "target.pretraining.text: only a draft that is distilled writes between its steps; let its start write",
  )
  for (const set of [["signals.target=hidden"], ["filter=behind", "signals.reference=cached"]])
    expect(await refused(withText(own), ...set.map((one) => `arms.own.${one}`))).toContain(
      "a cache has the text that stood before; take live signals",
    )
  for (const [field, value] of [
    ["prompts", "5"],
    ["keep", "all"],
  ] as const)
    expect(await refused(withText(own), `arms.own.text.${field}=${value}`)).toContain(
      "left out where the draft writes, which reads every text that it writes",
    )
  expect(await refused(withText(own), "arms.own.text.topK=3", "arms.own.text.temperature=0")).toContain("topK")
  const twice = { ...half, parts: { ...half.parts, more: { weight: 1, text: own } } } as TextSpec
  expect(await refused(withText(twice))).toContain("one part that the draft writes")
  const inner = mixture({ a: { weight: 1, text: half }, b: { weight: 1, text: taskText() } }) as TextSpec
  expect(await refused(withText(inner))).toContain("the draft's part in the outer mixture")
})

test("a text splits into the part that stands before and the draft's", async () => {
  const of = async (text: TextSpec) => {
    const { arms } = await Effect.runPromise(resolve(withText(text)))
    const { rest, own: byDraft } = splitText(arms.find(({ name }) => name === "own")!.text)
    return [rest && describeText(rest), byDraft?.share, byDraft && describeText(byDraft.writing)]
  }
  expect(await of(own)).toEqual(["the task's text", 1, "text by the draft, temperature 1"])
  expect(await of(half)).toEqual(["the task's text", 0.5, "text by the draft, temperature 1"])
  expect(await of(byTarget)).toEqual(["text by the target, greedy", undefined, undefined])
})
