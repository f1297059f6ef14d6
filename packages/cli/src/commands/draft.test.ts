/** `winnow draft`: from a target and prompts to a draft, its figures and its page; going on; refusals before any work. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { sha256 } from "@winnow/files"
import {
  type DraftRequest,
  draftFigures,
  draftPage,
  makeDraft,
  Progress,
  planDraft,
  Store,
  sizesText,
  withDevices,
  workers,
} from "@winnow/lab"
import { kl } from "@winnow/loss-kl"
import { llama } from "@winnow/model-llama"
import { loadDecoder } from "@winnow/models"
import { tf } from "@winnow/tensor"
import { Effect, Layer } from "effect"
import { writeTarget } from "./draft.fixture.ts"
import { draftReport } from "./draft.ts"
import { hostedCli } from "./run-cli.fixture.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-draft-"))
const at = (...parts: ReadonlyArray<string>) => join(root, ...parts)
const layers = Layer.mergeAll(Store.layer(at("store")), datasetsLayer({ folder: undefined }), Progress.silent)

beforeAll(() => writeTarget(root))
afterAll(() => rmSync(root, { recursive: true }))

const request = (changes: Partial<DraftRequest> = {}): DraftRequest => ({
  ...{ target: at("target"), prompts: at("prompts.jsonl"), to: at("to"), minutes: 0.05, maxNew: 16, maxLength: 512 },
  ...{ batchSize: 8, loss: kl(), seed: 0 },
  ...changes,
})
const make = (changes: Partial<DraftRequest> = {}) =>
  Effect.runPromise(makeDraft(request(changes)).pipe(Effect.provide(layers)))
const refusal = async (changes: Partial<DraftRequest>) =>
  (await Effect.runPromise(Effect.flip(makeDraft(request(changes)).pipe(Effect.provide(layers))))).message

test("a draft in the budget, with figures and a page; the same request computes nothing; a stopped one goes on", async () => {
  const before = tf.memory().numTensors
  const made = await make()
  expect(tf.memory().numTensors).toBe(before)
  const { plan, record } = made
  expect(plan.prompts).toBe(36)
  expect(plan.heldOut).toBe(4)
  expect(plan.steps!.count).toBeWithin(20, 1 + Math.ceil((30 * 36) / 8))
  const arm = record.rows.find(({ role }) => role === "arm")!
  expect(arm.budget[0]!.arm.steps).toBe(plan.steps!.count)
  // The steps read the target from a cache, which the cost of the draft has in it.
  expect(plan.signals).toBe("hidden")
  expect(readdirSync(at("store", "artifacts", "signals"))).toHaveLength(1)
  expect(record.conditions.prompts).toBe(4)
  const draft = await Effect.runPromise(loadDecoder(made.directory, [llama]))
  expect(draft.architecture.layers).toBeLessThan(4)
  draft.dispose()
  const figures = draftFigures(made)
  expect(figures.speedup).toBe(arm.speedup.value)
  expect(figures.breakEven).toBe(plan.sizes.find(({ name }) => name === plan.chosen)!.breakEven)

  const names = { target: "T", draft: "D", report: "run/report.html", command: "winnow draft" }
  const page = draftPage(made, names)
  for (const text of [
    ...[
      "# A draft for T",
      "vllm serve T",
      "sglang.launch_server",
      "llama-server",
      "assistant_model=draft",
      "winnow serve",
    ],
    ...[`\`${plan.chosen}\` of these sizes`, `${plan.steps!.count} steps`, "[The report](run/report.html)"],
  ])
    expect(page).toContain(text)
  for (const line of draftReport(made, at("target"), at("to", "README.md")).split("\n").slice(0, 3))
    expect(line.length).toBeLessThanOrEqual(80)
  for (const line of sizesText(plan)
    .join("\n")
    .split("\n")
    .filter((line) => line.includes("  ")))
    expect(line.length).toBeLessThanOrEqual(80)

  // The exported folder is written again from the store; the plan, and with it every stage, is the one that is kept.
  rmSync(made.directory, { recursive: true })
  const again = await make()
  expect(again).toMatchObject({ computed: 0, plan, directory: made.directory })
  expect(existsSync(join(again.directory, "model.safetensors"))).toBe(true)
  expect(await refusal({ maxNew: 17 })).toContain("has a draft of another maxNew (16, not 17); give another folder")
  writeFileSync(at("to", "plan.json"), "{}")
  expect(await refusal({})).toContain("is no plan")
})

test("other processes make the same draft: its texts, its weights and its figures", async () => {
  // The clock decides nothing: all texts, and the most passes over them.
  const of = (name: string) => request({ size: "half-2", minutes: 60, maxNew: 8, batchSize: 4, to: at(name) })
  const run = async (name: string, launcher: Layer.Layer<never>) => {
    const store = Layer.provideMerge(layers, Store.layer(at(`store of ${name}`)))
    const made = makeDraft({
      ...of(name),
      microBatches: 2,
      plugins: [Bun.resolveSync("@winnow/loss-kl", import.meta.dir)],
    })
    const { plan, record, directory } = await Effect.runPromise(made.pipe(Effect.provide(Layer.merge(store, launcher))))
    const { greedyAcceptance, tau } = record.rows.find(({ role }) => role === "arm")!
    return {
      steps: plan.steps!.count,
      greedyAcceptance,
      tau,
      weights: sha256(readFileSync(join(directory, "model.safetensors"))),
    }
  }
  const alone = await run("alone", Layer.empty)
  expect(alone.steps).toBe(Math.ceil((30 * 36) / 8))
  expect(await run("others", withDevices(2, workers(1)))).toEqual(alone)
  const refused = makeDraft(of("devices")).pipe(Effect.provide([layers, withDevices(2, workers(1))]), Effect.flip)
  expect((await Effect.runPromise(refused)).message).toContain("add --micro-batches 2 with a smaller --batch-size")
}, 120_000)

test("a plan writes nothing; a size may be named", async () => {
  const plan = await Effect.runPromise(planDraft(request({ to: at("nothing"), size: "half-1" })))
  expect(plan.chosen).toBe("half-1")
  expect(plan.sizes.map(({ name }) => name)).toContain("whole-2")
  expect(existsSync(at("nothing"))).toBe(false)
  await expect(Effect.runPromise(planDraft(request({ size: "hlaf-1" })))).rejects.toThrow("did you mean half-1?")
})

test("faults of the request and the file are refused before any work", async () => {
  const lines = (name: string, all: ReadonlyArray<object>) => {
    writeFileSync(at(name), all.map((line) => JSON.stringify(line)).join("\n"))
    return at(name)
  }
  const to = at("refused")
  expect(await refusal({ to, minutes: 0 })).toContain("--minutes 0: expected a number from 0.05")
  expect(await refusal({ to, maxNew: 1 })).toContain("--max-new 1")
  expect(await refusal({ to, prompts: at("none.jsonl") })).toContain("none.jsonl")
  const few = lines("few.jsonl", [{ prompt: "one" }])
  expect(await refusal({ to, prompts: few })).toContain("found 1 prompts, expected at least 20")
  const same = lines("same.jsonl", Array(30).fill({ prompt: "one" }))
  expect(await refusal({ to, prompts: same })).toContain("found 0 prompts for the training beside 3 others")
  const bare = lines("bare.jsonl", Array(30).fill({ text: "no prompt" }))
  expect(await refusal({ to, prompts: bare })).toContain('example 1 has no prompt; expected {"prompt": "..."}')
  expect(await refusal({ to, target: at("nowhere") })).toContain("nowhere")
  expect(await refusal({ to, maxNew: 1_000_000 })).toContain("too few for the text of a step; expected at least")
  expect(existsSync(to)).toBe(false)
})

const hosted = hostedCli()

test("the command: the table by --plan; the page, the folders and the figures", async () => {
  const flags = ["--target", at("target"), "--prompts", at("prompts.jsonl"), "--minutes", "0.05", "--max-new", "16"]
  const winnow = (...more: ReadonlyArray<string>) =>
    hosted(["draft", ...flags, "--batch-size", "8", ...more], { WINNOW_HOME: at("home") })
  const [planned, made] = await Promise.all([winnow("--plan"), winnow("--to", at("cli"), "--json")])
  expect([planned.code, planned.err]).toEqual([0, ""])
  expect(planned.out).toMatch(/recommended: (whole|half|quarter)-\d/)
  expect(made.code).toBe(0)
  const { page, directory, figures } = JSON.parse(made.out)
  expect(readFileSync(page, "utf8")).toContain("## To use it")
  expect(readdirSync(at("cli")).toSorted()).toEqual(["README.md", "draft", "plan.json", "run"])
  expect([directory, typeof figures.tau]).toEqual([at("cli", "draft"), "number"])
})
