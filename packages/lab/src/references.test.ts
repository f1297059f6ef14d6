/** References to a hub in an experiment: fetched before the run, written down with their commit, the same stages as a folder. */
import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { byteTokenizer, datasetsLayer, tokenizerFiles } from "@winnow/data"
import { commit, localHub } from "@winnow/hub/testing"
import { initialise, saveModel } from "@winnow/models"
import { Effect, Layer } from "effect"
import { runDistillation } from "../test/run-distillation.ts"
import { tiny, tinyModel } from "../test/tiny.ts"
import { plan } from "./estimate.ts"
import type { Experiment } from "./experiment/define.ts"
import { resolveConfig } from "./experiment/from-config.ts"
import { registryOf } from "./experiment/registry.ts"
import { resolve } from "./experiment/resolve.ts"
import { applySettings } from "./experiment/settings.ts"
import { describeStart, type ResolvedStart } from "./experiment/start.ts"
import { Progress } from "./progress.ts"
import { Store } from "./store/store.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-references-"))
afterAll(() => rmSync(home, { recursive: true }))
const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent)
const resolved = (experiment: Experiment, ...settings: ReadonlyArray<string>) =>
  Effect.flatMap(applySettings(experiment, settings), (e) => resolve(e))

/** A folder with a model that nobody trained, and a tokenizer. */
const saved = async (): Promise<string> => {
  const path = mkdtempSync(join(home, "model-"))
  const model = initialise(await Effect.runPromise(tinyModel(8).instance), 5)
  await Effect.runPromise(saveModel(model, path))
  model.dispose()
  for (const [name, text] of Object.entries(tokenizerFiles(byteTokenizer))) writeFileSync(join(path, name), text)
  return path
}

/** A hub that has a folder as hf:small/model, and the environment that leads to it. */
const serve = (path: string) => {
  const hub = localHub(Object.fromEntries(readdirSync(path).map((name) => [name, readFileSync(join(path, name))])))
  const { settings } = hub
  const mine = { HF_ENDPOINT: settings.endpoint, HF_HUB_CACHE: settings.cache, HF_HUB_OFFLINE: "0", HF_TOKEN: "t" }
  const before = Object.keys(mine).map((name) => [name, process.env[name]] as const)
  Object.assign(process.env, mine)
  return {
    ...hub,
    [Symbol.dispose]: () => {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
      }
      hub[Symbol.dispose]()
    },
  }
}

const pinned = `hf:small/model@${commit}`
const smaller = ["seeds=[1]", "arms.all.steps=2", "arms.behind.steps=2"]

test("target, drafts, a reference and the tokenizer from a hub are the stages of the same folder", async () => {
  const path = await saved()
  using hub = serve(path)
  const places = ["target", "draft.start", "reference", "tokenizer"]
  const settings = (text: string) => [...smaller, ...places.map((place) => `${place}=${text}`)]
  const ofHub = await Effect.runPromise(resolved(tiny, ...settings("hf:small/model")))
  expect(ofHub.target).toEqual({ kind: "folder", path: pinned })
  expect(ofHub.tokenizer).toEqual({ kind: "file", path: pinned })
  expect(ofHub.config).toMatchObject({
    target: { path: pinned },
    draft: { start: { path: pinned } },
    tokenizer: { path: pinned },
    arms: { behind: { reference: { kind: "folder", path: pinned } } },
  })
  expect(describeStart(ofHub.target as ResolvedStart)).toBe("hf:small/model@0123456789ab")
  // four places, one question: the rest is asked by commit, and is there
  expect(hub.seen.filter(({ what }) => what === "revision").length).toBe(1)
  const asked = hub.seen.length
  const keys = (experiment: Effect.Effect<typeof ofHub, unknown>) =>
    Effect.runPromise(
      Effect.flatMap(experiment, plan).pipe(
        Effect.map(({ stages }) => stages.map(({ key }) => key)),
        Effect.provide(layers),
      ),
    )
  const ofFolder = await keys(resolved(tiny, ...settings(path)))
  expect(ofFolder.length).toBeGreaterThan(8)
  expect(await keys(Effect.succeed(ofHub))).toEqual(ofFolder)

  const { record, computed } = await Effect.runPromise(
    runDistillation(ofHub, { slug: "000-tiny", results: join(home, "results") }).pipe(Effect.provide(layers)),
  )
  expect([computed > 0, record.config["target"]]).toEqual([true, { kind: "folder", path: pinned }])
  // a repeat, or a worker, reads the same commit and asks nobody
  const again = resolveConfig(JSON.parse(JSON.stringify(ofHub.config)), registryOf(tiny))
  expect((await Effect.runPromise(again)).config).toEqual(ofHub.config)
  expect(hub.seen.length).toBe(asked)
})

test("a repository that there is not is refused with the experiment's name; an experiment without one asks no hub", async () => {
  using hub = serve(await saved())
  const error = await Effect.runPromise(Effect.flip(resolved(tiny, "draft.start=hf:large/model")))
  expect(error._tag).toBe("DataError")
  expect(error.message).toMatch(/^experiment tiny: hf:large\/model: http:.* answered 404; there is no such repository/)
  const odd = await Effect.runPromise(Effect.flip(resolved(tiny, "target=hf:small model")))
  expect(odd.message).toMatch(/hf:small model: expected hf:owner\/name/)
  const before = hub.seen.length
  await Effect.runPromise(resolved(tiny))
  // all else is refused before a byte is fetched
  const wrong = resolved(tiny, "target=hf:small/model", 'arms.all.start={"kind":"arm","arm":"nope"}')
  expect((await Effect.runPromise(Effect.flip(wrong))).message).toContain("is not one of the arms that are run")
  expect(hub.seen.length).toBe(before)
})

test("a data set of a hub is the task that reads it, and its commit is written down", async () => {
  const record = (n: number) => `{"question": "${n}?", "solution": "${n}."}\n`
  const folder = mkdtempSync(join(home, "set-"))
  writeFileSync(join(folder, "train.jsonl"), Array.from({ length: 40 }, (_, i) => record(i)).join(""))
  using hub = serve(folder)
  const columns = ["task.prompt=question", "task.answer=solution"]
  const set = await Effect.runPromise(resolved(tiny, "task=hf:datasets/small/data@v1", ...columns))
  const from = `hf:datasets/small/data@${commit}`
  const options = { from, prompt: "question", answer: "solution" }
  expect(set.config["task"]).toMatchObject({ name: "dataset", options })
  expect(set.task.options).toEqual(options)
  // A repeat reads the same commit; without another question for it.
  const again = resolveConfig(JSON.parse(JSON.stringify(set.config)), registryOf(tiny))
  expect((await Effect.runPromise(again)).config).toEqual(set.config)
  expect(hub.seen.map(({ what }) => what)).toEqual(["revision", "tree"])
  const { notes } = await Effect.runPromise(Effect.provide(set.task.instance, layers))
  expect(notes?.[0]).toStartWith("hf:datasets/small/data@0123456789ab: train from train.jsonl")
  const none = await Effect.runPromise(Effect.flip(resolved(tiny, "task=hf:datasets/small/none", ...columns)))
  expect(none.message).toMatch(/^experiment tiny: hf:datasets\/small\/none: http:.* there is no such repository/)
  const unread = await Effect.runPromise(Effect.flip(resolved(tiny, "task=hf:small/data")))
  expect(unread.message).toContain('no task "hf:small/data" here; there are')
})
