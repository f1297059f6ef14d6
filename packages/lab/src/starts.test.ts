/** Starts: a folder, some layers of the target, another artifact of the run; for drafts, references and arms. */
import { expect, test } from "bun:test"
import { cpSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { byteTokenizer, datasetsLayer, makeTokenizer, tokenizerFiles } from "@winnow/data"
import { sha256OfFile } from "@winnow/files"
import { llama } from "@winnow/model-llama"
import { initialise, saveModel } from "@winnow/models"
import { Effect, Layer } from "effect"
import { graphOf } from "../test/graph.ts"
import { runDistillation } from "../test/run-distillation.ts"
import { everything, squares, tiny, tinyModel } from "../test/tiny.ts"
import { plan } from "./estimate.ts"
import { arm, type Experiment } from "./experiment/define.ts"
import { fromConfig } from "./experiment/from-config.ts"
import { registryOf } from "./experiment/registry.ts"
import { resolve } from "./experiment/resolve.ts"
import { applySettings } from "./experiment/settings.ts"
import { distilled } from "./experiment/spec.ts"
import { artifactOf, folder, fresh, layersOf, resized } from "./experiment/start.ts"
import { experimentNamed, loadExperiment } from "./experiments.ts"
import { Progress } from "./progress.ts"
import { readRecord } from "./results.ts"
import { inOrder } from "./stage.ts"
import { Store } from "./store/store.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-starts-"))
const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent)
const resolved = (experiment: Experiment, ...settings: ReadonlyArray<string>) =>
  Effect.flatMap(applySettings(experiment, settings), (e) => resolve(e))
const run = (experiment: Experiment, ...settings: ReadonlyArray<string>) =>
  Effect.flatMap(resolved(experiment, ...settings), (r) =>
    runDistillation(r, { slug: "000-tiny", results: join(home, "results") }),
  ).pipe(Effect.provide(layers))
const refusedRun = async (...settings: ReadonlyArray<string>) =>
  (await Effect.runPromise(Effect.flip(run(tiny, ...settings)))).message
const refused = async (experiment: Experiment, ...settings: ReadonlyArray<string>) =>
  (await Effect.runPromise(Effect.flip(resolved(experiment, ...settings)))).message

const budget = { steps: 3, batchSize: 4, optimizer: { warmup: 2 } }
const trained = { filter: everything(), loss: squares(), ...budget }

/** A folder with a model that nobody trained, and a tokenizer. */
const saved = async (use = tinyModel(8), tokenizer = byteTokenizer, seed = 5): Promise<string> => {
  const path = mkdtempSync(join(home, "model-"))
  const model = initialise(await Effect.runPromise(use.instance), seed)
  await Effect.runPromise(saveModel(model, path))
  model.dispose()
  for (const [name, text] of Object.entries(tokenizerFiles(tokenizer))) writeFileSync(join(path, name), text)
  return path
}

const artifact = (kind: string, key: string) => join(home, "artifacts", kind, key)

test("a draft begins with a folder: measured as it stands, trained from there, the same artifact wherever the folder lies", async () => {
  const path = await saved()
  const settings = ["seeds=[1,2]", "arms.all.steps=2", "arms.behind.steps=2", "target.pretraining.steps=6"]
  const { record } = await Effect.runPromise(run(tiny, `draft.start=folder:${path}`, ...settings))
  const start = record.rows.find(({ name }) => name === "start")!
  expect(start.seeds.map(({ seed }) => seed)).toEqual([1, 2])
  expect(start.budget.map(({ arm, total }) => [arm.steps, arm.flops, total.steps])).toEqual([
    [0, 0, 0],
    [0, 0, 0],
  ])
  expect(record.config["draft"]).toEqual({ start: { kind: "folder", path } })
  const sha256 = sha256OfFile(join(path, "model.safetensors"))
  expect(record.weights.filter(({ name }) => name === "start")).toEqual(
    [1, 2].map((seed) => ({ name: "start", seed, file: "model.safetensors", sha256 })),
  )
  const all = record.rows.find(({ name }) => name === "all")!
  expect(all).toMatchObject({ from: "start", role: "arm" })
  expect(all.seeds[0]!.greedyAcceptance).not.toBe(null)
  // Two seeds train on from the same weights, each in its own order.
  const weights = record.weights.filter(({ name }) => name === "all").map((w) => w.sha256)
  expect(new Set([...weights, sha256]).size).toBe(3)

  const elsewhere = join(home, "moved")
  cpSync(path, elsewhere, { recursive: true })
  const again = resolved(tiny, `draft.start=folder:${elsewhere}`, ...settings)
  const { stages } = await Effect.runPromise(Effect.flatMap(again, plan).pipe(Effect.provide(layers)))
  expect(stages.filter(({ state }) => state !== "cached").map(({ stage }) => stage)).toEqual([])
})

test("a draft's folder of another tokenizer or vocabulary is refused before anything is trained", async () => {
  const other = makeTokenizer(JSON.parse(JSON.stringify(byteTokenizer.json).replaceAll("<|endoftext|>", "</s>")))
  const made = () => ["target", "start", "arm"].map((kind) => readdirSync(join(home, "artifacts", kind)).toSorted())
  const before = made()
  expect(await refusedRun(`draft.start=folder:${await saved(tinyModel(8), other)}`, "target.seed=77")).toContain(
    'draft was saved with another vocabulary: id 256 is "</s>" in its tokenizer.json and "<|endoftext|>" in the data\'s',
  )
  const size = { hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 32 }
  const larger = await saved(llama({ vocab_size: 300, ...size }))
  expect(await refusedRun(`draft.start=folder:${larger}`)).toContain("vocabularies differ: draft 300; target 257")
  expect(await refusedRun(`arms.all.start=folder:${larger}`)).toContain(
    "vocabularies differ: draft, target 257; arms.all 300",
  )
  const reference = { kind: "trained", start: { kind: "folder", path: larger }, steps: 2, batchSize: 4 }
  expect(await refusedRun(`reference=${JSON.stringify(reference)}`)).toContain("the reference of arms.behind 300")
  const folders = { "start.path": [await saved(), larger] }
  expect(
    await refusedRun(
      "seeds=[1]",
      `arms.all.start=folder:${await saved()}`,
      `sweep=${JSON.stringify({ over: folders, prompts: 6 })}`,
    ),
  ).toMatch(/vocabularies differ: draft, target, arms\.all and 1 more 257; arms\.all at start\.path \S+ 300;/)
  expect(await refusedRun("draft.start=folder:/no/such/folder")).toContain(
    "draft /no/such/folder is not a directory: there is nothing of this name",
  )
  expect(made()).toEqual(before)
})

const deepTarget: Experiment = {
  ...tiny,
  target: fresh(
    llama({
      vocab_size: 257,
      hidden_size: 16,
      num_hidden_layers: 3,
      num_attention_heads: 2,
      max_position_embeddings: 32,
    }),
    { ...budget, steps: 6 },
  ),
  arms: { all: arm(trained) },
  seeds: [1],
}

test("a draft of all of the target's layers is the target, bit by bit; of some it has theirs; of others it is refused", async () => {
  const weightsOf = async (start: string) => {
    const { record } = await Effect.runPromise(run(deepTarget, `draft.start=${start}`))
    const [target, draft] = ["target", "start"].map((kind) => record.stages.find((stage) => stage.kind === kind)!)
    const of = (stage: typeof target) => readFileSync(join(artifact(stage!.kind, stage!.key), "model.safetensors"))
    return { record, target: of(target), draft: of(draft) }
  }
  const whole = await weightsOf("layers:0,1,2")
  expect(whole.draft.equals(whole.target)).toBe(true)
  // The target with itself as its draft: every token is accepted.
  expect(whole.record.rows.find(({ name }) => name === "start")!.greedyAcceptance.value).toBe(1)
  const some = await weightsOf("layers:0,2")
  expect(some.draft.length).toBeLessThan(some.target.length)
  expect(some.record.draftParameters).toBeLessThan(some.record.target.parameters)

  expect((await Effect.runPromise(Effect.flip(run(deepTarget, "draft.start=layers:1,3")))).message).toBe(
    "draft: layers 1, 3 of a model: there is no layer 3; the model has 3, name some of 0 to 2",
  )
  expect(await refused(deepTarget, "draft.start=layers:2,1")).toContain(
    "layers must be numbers of layers in ascending order, the first layer is 0 (was [2,1])",
  )
})

test("arms and references may begin with models of different sizes, and a chain of arms counts the cost of all", async () => {
  const path = await saved(tinyModel(12))
  const experiment: Experiment = {
    ...deepTarget,
    arms: {
      all: arm(trained),
      folder: arm({ ...trained, start: folder(path) }),
      "folder-further": arm({ ...trained, start: folder(path, { pretraining: { ...budget, steps: 2 } }) }),
      layers: arm({ ...trained, start: layersOf("target", [0, 2]) }),
      random: arm({ ...trained, start: fresh(tinyModel(4), undefined, { seed: 3 }) }),
      twice: arm({ ...trained, start: artifactOf({ arm: "folder" }) }),
      compared: arm({
        filter: tiny.arms["behind"]!.filter,
        loss: squares(),
        ...budget,
        start: artifactOf("reference"),
        reference: distilled({ ...trained, start: layersOf("target", [1]) }),
      }),
      frozen: arm({ filter: tiny.arms["behind"]!.filter, loss: squares(), ...budget, reference: folder(path) }),
    },
  }
  const { measured, settled } = await Effect.runPromise(Effect.flatMap(resolve(experiment), (r) => graphOf(r)))
  const of = (name: string) => measured.find((m) => m.name === name)!.trained
  const labels = (name: string) => of(name).inputs.map(({ label }) => label)
  expect(labels("folder")).toContain(`folder start from ${path}`)
  expect(labels("folder-further")).toContain("folder-further start, seed 1")
  expect(labels("layers")).toContain("layers start, layers 0, 2 of the target")
  expect(labels("random")).toContain("random start, seed 1")
  expect(labels("twice")).toContain("arm folder, seed 1")
  expect(labels("compared").filter((label) => label === "reference (distilled), seed 1")).toHaveLength(2)
  expect(labels("frozen")).toContain(`reference from ${path}`)
  expect(settled.arms.map(({ name }) => name)).toEqual(Object.keys(experiment.arms))
  // Cost follows the model that is trained, and a start that another arm trained counts.
  const flops = (name: string) => of(name).work.flops!
  expect(flops("random")).toBeLessThan(flops("all"))
  expect(flops("all")).toBeLessThan(flops("folder"))

  const { record } = await Effect.runPromise(run(experiment, "measure.prompts=2"))
  expect(record.missing).toEqual([])
  const row = (name: string) => record.rows.find((r) => r.name === name)!
  expect(row("twice").budget[0]!.total.steps).toBe(2 * budget.steps)
  expect(row("layers").from).toBe("layers 0, 2 of the target")
  expect(row("frozen")).toMatchObject({ from: "start", reference: "folder" })
  expect(row("random").mbsu.value).not.toBe(null)
  const stages = inOrder([of("layers")]).map(({ kind }) => kind)
  expect(stages.filter((kind) => kind === "start")).toHaveLength(1)
})

test("a draft of other widths than the target, or than a folder, is trained and measured; a wider target is the target", async () => {
  const path = await saved(
    llama({
      vocab_size: 257,
      hidden_size: 8,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      max_position_embeddings: 32,
    }),
  )
  const experiment: Experiment = {
    ...deepTarget,
    arms: {
      all: arm(trained),
      narrow: arm({
        ...trained,
        start: resized("target", { hidden_size: 8, intermediate_size: 16 }, { layers: [0, 2] }),
      }),
      further: arm({
        ...trained,
        start: resized(folder(path), { hidden_size: 12 }, { pretraining: { ...budget, steps: 2 } }),
      }),
    },
  }
  const { record } = await Effect.runPromise(
    run(experiment, "draft.start=resized:hidden_size=20,intermediate_size=50", "measure.prompts=2"),
  )
  expect(record.missing).toEqual([])
  const row = (name: string) => record.rows.find((r) => r.name === name)!
  // The draft is wider than the target and the same function: every token is accepted.
  expect(row("start").greedyAcceptance.value).toBe(1)
  expect(record.config["draft"]).toEqual({
    start: { kind: "resized", of: "target", widths: { hidden_size: 20, intermediate_size: 50 } },
  })
  expect(row("narrow").from).toBe("layers 0, 2 of the target with hidden_size 8, intermediate_size 16")
  expect(row("further").from).toBe(`folder ${path} with hidden_size 12`)
  expect(row("narrow").seeds[0]!.greedyAcceptance).not.toBe(null)

  const message = async (...settings: ReadonlyArray<string>) =>
    (await Effect.runPromise(Effect.flip(run(deepTarget, ...settings)))).message
  expect(await message("draft.start=resized:n_embd=20")).toBe(
    "draft: a model with n_embd 20: llama has no width n_embd; it has hidden_size, intermediate_size, num_attention_heads, num_key_value_heads",
  )
  expect(await message("draft.start=resized:hidden_size=wide")).toContain(
    "widths.hidden_size must be a number (was a string)",
  )
  expect(await message('draft.start={"kind":"resized","of":"target","widths":{}}')).toContain(
    "draft.start.widths must be widths by their keys in config.json (was none)",
  )
  expect(await message("target=resized:hidden_size=20")).toContain('target.kind must be "folder", "fresh" or "tuned"')
})

test("an arm that begins with no other arm that can be begun with is refused, with those that can", async () => {
  const arms = (more: Experiment["arms"]): Experiment => ({ ...deepTarget, arms: { all: arm(trained), ...more } })
  expect(await refused(arms({}), "arms.all.start=arm:nope")).toContain(
    "arms.all.start: it begins with arm 'nope', which is not one of the arms that are run",
  )
  const circle = arms({ more: arm({ ...trained, start: artifactOf({ arm: "all" }) }) })
  expect(await refused(circle, "arms.all.start=arm:more")).toContain("which begins with this one in the end")
  const costed = arms({ more: arm({ ...trained, steps: { computeOf: "all" } }) })
  expect(await refused(costed, "arms.all.start=arm:more")).toContain("has no number of steps itself")
  expect(await refused(arms({}), "arms.all.start=somewhere")).toContain(
    'expected folder:DIR, ./DIR, hf:owner/name[@revision], layers:0,2,5, resized:hidden_size=512,intermediate_size=1024, draft, untrained, reference, arm:NAME, best:NAME,NAME, or an object as JSON (was "somewhere")',
  )
  expect(await refused(arms({}), "draft.start=reference")).toContain(
    'draft.start.kind must be "head", "folder", "fresh", "layers", "resized", "tuned" or "scored" (was "reference")',
  )
  expect(await refused(arms({}), "target=layers:0")).toContain(
    'target.kind must be "folder", "fresh" or "tuned" (was "layers")',
  )
  for (const text of ["folder", "folder:", "layers", "arm:", "draft:x", ""])
    expect(await refused(arms({}), `arms.all.start=${text}`)).toContain(
      "expected folder:DIR, ./DIR, hf:owner/name[@revision], layers:0,2,5, resized:hidden_size=512,intermediate_size=1024, draft",
    )
})

interface Draft {
  readonly kind?: string
  readonly pretraining?: object
}

test("the config of every published run is read: its settings are put where this version has them", async () => {
  const results = join(import.meta.dir, "../../../results")
  const runs = readdirSync(results, { recursive: true, encoding: "utf8" }).filter((f) => f.endsWith("run.json"))
  let read = 0
  for (const file of runs) {
    const record = readRecord(join(results, file, ".."))
    if (record === undefined) continue // no run of an experiment
    read++
    const parts = await Effect.runPromise(
      Effect.flatMap(experimentNamed(record.experiment), (found) => loadExperiment(found, record.preset)),
    )
    const registry = registryOf(parts.find(({ part }) => part === record.part)!.experiment)
    const again = await Effect.runPromise(Effect.flatMap(fromConfig(record.config, registry), (e) => resolve(e)))
    const draft = record.config["draft"] as { start?: Draft; pretraining?: object }
    // The kind is in the record of another draft than a fresh model: a head since 018.
    const { kind: begun = "fresh", pretraining }: Draft = draft.start ?? draft
    if (begun === "scored") {
      // Until its scores are there, a start that is to be chosen is the first of its candidates.
      const { among } = draft.start as unknown as { among: object }
      expect(Object.keys(again.draft.scored!.among)).toEqual(Object.keys(among))
    } else expect(again.draft.start).toMatchObject({ kind: begun, ...(pretraining && { pretraining }) })
    const { kind = "fresh" } = record.config["target"] as { kind?: string } // a tuned one since 018
    expect(again.target).toMatchObject(draft.start ? { kind } : { kind: "fresh", seed: 0 })
    expect(again.arms.map(({ name }) => name)).toEqual(Object.keys(record.config["arms"] as object))
    if (draft.start) continue
    expect(again.arms.map(({ start }) => start.kind)).toEqual(
      again.arms.map(({ name }) => (name === "from-reference" ? "reference" : "draft")),
    )
    const { tuning } = record.config as { tuning?: { learningRates: ReadonlyArray<number> } }
    expect(again.sweep?.over).toEqual(tuning && { "optimizer.learningRate": [...tuning.learningRates] })
  }
  expect(read).toBeGreaterThan(4)
})
