/** Texts that a training reads: written by the target or by its own start, or mixed with the task's. */
import { expect, test } from "bun:test"
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Decoder, defineTask } from "@winnow/core"
import { byteTokenizer, datasetsLayer, passSize } from "@winnow/data"
import { generate } from "@winnow/generation"
import { llama } from "@winnow/model-llama"
import { initialise, loadDecoder, saveModel } from "@winnow/models"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { Effect, Layer } from "effect"
import { runDistillation } from "../test/run-distillation.ts"
import { echo, everything, squares, tiny, tinyModel } from "../test/tiny.ts"
import { arm, type Experiment } from "./experiment/define.ts"
import { resolve } from "./experiment/resolve.ts"
import { applySettings } from "./experiment/settings.ts"
import { trained } from "./experiment/spec.ts"
import { folder, fresh, layersOf } from "./experiment/start.ts"
import { describeText, mixture, plainText, taskText, written } from "./experiment/text.ts"
import { buildGraph } from "./graph.ts"
import { Progress, type ProgressEvent } from "./progress.ts"
import { runStages } from "./schedule/run-all.ts"
import { inOrder, type Stage } from "./stage.ts"
import { readSplit } from "./stages/text.ts"
import { type Artifact, Store } from "./store/store.ts"
import { readTexts } from "./texts.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-texts-"))
const notes: Array<string> = []
const report = (event: ProgressEvent) => void (event._tag === "note" && notes.push(event.text))
const layers = Layer.mergeAll(
  Store.layer(home),
  datasetsLayer({ folder: undefined }),
  Layer.succeed(Progress, { report }),
)
const resolved = (experiment: Experiment, ...settings: ReadonlyArray<string>) =>
  Effect.flatMap(applySettings(experiment, settings), (e) => resolve(e))
const run = (experiment: Experiment, ...settings: ReadonlyArray<string>) =>
  Effect.runPromise(
    Effect.flatMap(resolved(experiment, ...settings), (r) =>
      runDistillation(r, { slug: "000-tiny", results: join(home, "results") }),
    ).pipe(Effect.provide(layers)),
  )
const graphOf = (experiment: Experiment) =>
  Effect.runPromise(
    Effect.gen(function* () {
      const r = yield* resolve(experiment)
      return yield* buildGraph(r, yield* readTexts(r))
    }).pipe(Effect.provide(layers)),
  )
const made = async (stages: ReadonlyArray<Stage>) =>
  Effect.runPromise(Effect.provide(runStages(stages, { versions: {} }), layers))
const train = (artifact: Artifact) => Effect.runPromise(readSplit(artifact, "train"))

const budget = { steps: 3, batchSize: 4, optimizer: { warmup: 2 } }
const distil = { filter: everything(), loss: squares(), ...budget }

/** A target that writes the letters and then the end token. */
const base: Experiment = {
  ...tiny,
  target: fresh(tinyModel(32), { steps: 200, batchSize: 8, optimizer: { learningRate: 0.01, warmup: 5 } }),
  arms: { task: arm(distil) },
  seeds: [1],
  measure: { ...tiny.measure!, prompts: 2, timedPrompts: 1 },
}
const withArms = (arms: Experiment["arms"]): Experiment => ({ ...base, arms: { ...base.arms, ...arms } })
const textOf = (stages: ReadonlyArray<Stage>) => inOrder(stages).filter(({ kind }) => kind === "text")

test("an arm reads what the target writes: each text up to its end, as one prompt at a time gives it; its cost counts", async () => {
  const experiment = withArms({ greedy: arm({ ...distil, text: written({ by: "target" }) }) })
  const { record } = await run(experiment)
  const stage = record.stages.find(({ kind }) => kind === "text")!
  expect(stage.label).toBe("text by the target, greedy")
  const { measured, data } = await graphOf(experiment)
  const [text] = textOf([measured.find(({ name }) => name === "greedy")!.trained])
  const artifacts = await made([text!, data])
  const artifact = artifacts.get(text!.key)!
  expect(artifact.reused).toBe(true)
  const encoded = await train(artifact)
  const { summary } = artifact.manifest as unknown as {
    summary: { left: Record<string, number>; prompts: number; flops: number }
  }
  const lost = Object.values(summary.left).reduce((a, b) => a + b)
  expect(encoded.examples.length + lost).toBe(12)
  expect(encoded.examples.length).toBeGreaterThan(6)

  const target = await Effect.runPromise(loadDecoder(artifacts.get(text!.inputs[2]!.key)!.directory, [llama]))
  const prompts = (await train(artifacts.get(data.key)!)).examples
  for (const [i, { ids, promptLength }] of encoded.examples.entries()) {
    const from = prompts[encoded.source[i]!]!
    const prompt = from.ids.slice(0, from.promptLength)
    expect(ids.slice(0, promptLength)).toEqual(prompt)
    expect(ids.at(-1)).toBe(byteTokenizer.eosId)
    const alone = await generate(target, [prompt], { maxNew: 16, eosId: byteTokenizer.eosId, temperature: 0 })
    expect(Array.from(ids.slice(promptLength))).toEqual(Array.from(alone.rollouts[0]!.tokens))
  }
  target.dispose()

  const row = (name: string) => record.rows.find((r) => r.name === name)!.budget[0]!
  expect(row("greedy").total.flops).toBeCloseTo(row("greedy").arm.flops + summary.flops, 0)
  expect(row("task").total.flops).toBe(row("task").arm.flops)
  expect(row("greedy").arm.passes).toBeCloseTo(row("greedy").arm.tokensValid / passSize(encoded).trained, 6)
  expect((await run(experiment)).computed).toBe(0)
})

test("sampled text follows its seed, a cut number of prompts is the first ones, a mixture has its shares", async () => {
  const sampled = { by: "target", temperature: 2 } as const
  const texts = {
    one: written({ ...sampled, seed: 1 }),
    again: written({ ...sampled, seed: 1 }),
    two: written({ ...sampled, seed: 2 }),
    cut: written({ by: "target", prompts: 5 }),
    other: written({ by: "target", task: echo({ letters: 20 }) }),
    mixed: mixture({ own: { weight: 3, text: taskText() }, target: { weight: 1, text: written({ by: "target" }) } }),
  }
  const experiment = withArms(
    Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, arm({ ...distil, text })])),
  )
  const { measured } = await graphOf(experiment)
  const stageOf = (name: string) => textOf([measured.find((m) => m.name === name)!.trained]).at(-1)!
  const artifacts = await made(Object.keys(texts).map(stageOf))
  const read = (name: string) => train(artifacts.get(stageOf(name).key)!)
  expect(stageOf("again").key).toBe(stageOf("one").key)
  expect((await read("one")).examples).not.toEqual((await read("two")).examples)
  expect([...(await read("cut")).source].every((i) => i < 5)).toBe(true)
  expect([...(await read("other")).source].some((i) => i > 12)).toBe(true)
  const mixed = await read("mixed")
  const shares = [0, 0]
  for (const e of mixed.pass!) shares[e < 12 ? 0 : 1]!++
  expect(Math.abs(shares[0]! / mixed.pass!.length - 0.75)).toBeLessThan(1 / mixed.pass!.length)

  const { record } = await run({ ...experiment, arms: { mixed: experiment.arms["mixed"]!, task: arm(distil) } })
  expect(record.missing).toEqual([])
  expect(record.rows.find(({ name }) => name === "mixed")!.budget[0]!.arm.tokensTrained).toBeGreaterThan(0)
})

test("starts, references and their own models read written text too, live and from caches", async () => {
  const path = mkdtempSync(join(home, "model-"))
  const model = initialise(await Effect.runPromise(tinyModel(8).instance), 5)
  await Effect.runPromise(saveModel(model, path))
  model.dispose()
  const byTarget = written({ by: "target" })
  const experiment: Experiment = {
    ...withArms({
      layers: arm({
        ...distil,
        start: layersOf("target", [0], { pretraining: { ...budget, text: written({ by: "start" }) } }),
      }),
      compared: arm({
        ...distil,
        filter: tiny.arms["behind"]!.filter,
        text: byTarget,
        signals: { target: "hidden", reference: "cached" },
        reference: trained({ ...budget, text: byTarget }),
      }),
    }),
    draft: { start: folder(path, { pretraining: { ...budget, text: byTarget } }) },
  }
  const { record } = await run(experiment)
  expect(record.missing).toEqual([])
  const labels = record.stages.filter(({ kind }) => kind === "text").map(({ label }) => label)
  expect(labels.toSorted()).toEqual(["text by the start, greedy", "text by the target, greedy"])
  const row = record.rows.find(({ name }) => name === "compared")!
  expect(row.reference).toBe("trained")
  // One arm has a start of its own, so each total has its start, and the text of its start. A text counts once, though
  // the arm, its start and its reference read it.
  const cost = (name: string) => record.rows.find((one) => one.name === name)!.budget[0]!
  const [task, compared] = [cost("task"), cost("compared")]
  const text = task.total.flops - task.arm.flops - task.start!.flops
  expect(text).toBeGreaterThan(0)
  const caches = compared.signals.reduce((sum, { flops }) => sum + flops, 0)
  const others = compared.arm.flops + compared.start!.flops + compared.reference!.flops + caches
  expect(compared.total.flops).toBeCloseTo(others + text, 0)
})

test("stopped writing resumes with the next portion, and a damaged portion is written again, with the same bytes", async () => {
  const many = defineTask({
    name: "many",
    options: type({ "+": "reject" }),
    make: () =>
      Effect.succeed({
        examples: () =>
          Array.from({ length: 530 }, (_, i) => ({ prompt: `${i % 23}${"abcdefgh"[i % 8]}:`, answer: "a" })),
      }),
  })
  const text = written({ by: "target", task: many(), temperature: 0.8, maxNew: 6 })
  const { measured } = await graphOf(withArms({ many: arm({ ...distil, text }) }))
  const [stage] = textOf([measured.find(({ name }) => name === "many")!.trained])
  const artifacts = await made(stage!.inputs)
  const said: Array<string> = []
  const attempt = async (prepare: (directory: string) => void) => {
    const directory = mkdtempSync(join(home, "attempt-"))
    prepare(directory)
    const begun: Array<number> = []
    const inputs = stage!.inputs.map(({ key }) => artifacts.get(key)!)
    const warn = (text: string) => void said.push(text)
    const context = { key: stage!.key, directory, inputs, note: () => {}, warn, metric: () => {} }
    const progress = (done: number) => void begun.push(done)
    await Effect.runPromise(stage!.run({ ...context, progress }).pipe(Effect.provide(layers)))
    return { directory, least: Math.min(...begun), ids: readFileSync(join(directory, "train.ids.i32")) }
  }
  const whole = await attempt(() => {})
  const portions = readdirSync(whole.directory).filter((name) => name.startsWith(".portion"))
  expect(portions.toSorted()).toEqual([".portion-00000000.json", ".portion-00000512.json"])
  const resumed = await attempt((directory) => {
    copyFileSync(join(whole.directory, portions[0]!), join(directory, portions[0]!))
    const second = readFileSync(join(whole.directory, portions[1]!), "utf8")
    writeFileSync(join(directory, portions[1]!), second.replace(/"tokens":\[(\d)/, '"tokens":[1$1'))
  })
  expect(resumed.ids.equals(whole.ids)).toBe(true)
  expect(said).toEqual([expect.stringMatching(/portion-00000512\.json is damaged; its texts are written again$/)])
  expect(whole.least).toBeLessThan(512)
  expect(resumed.least).toBeGreaterThanOrEqual(512)
})

/** A model that only writes the end token: all other rows of the head are 0, so the prompt has no influence. */
const silent = (model: Decoder): void => {
  for (const [name, variable] of model.parameters) {
    const shape = variable.shape
    const end = () =>
      tf.tidy(() => tf.oneHot(tf.fill([shape[1]!], byteTokenizer.eosId, "int32"), shape[0]!).transpose())
    const value = name === model.architecture.head ? end() : /norm|embed/.test(name) ? tf.ones(shape) : tf.zeros(shape)
    variable.assign(tf.cast(value, "float32") as never)
    value.dispose()
  }
}

test("texts that are empty, or do not end, are counted and left out; where none is left the arm is missing, and says why", async () => {
  const path = mkdtempSync(join(home, "silent-"))
  const model = initialise(await Effect.runPromise(tinyModel(8).instance), 5)
  silent(model)
  await Effect.runPromise(saveModel(model, path))
  model.dispose()
  const arms = { ...base.arms, empty: arm({ ...distil, text: written({ by: "start" }), start: folder(path) }) }
  const { record } = await run({ ...base, arms })
  expect(record.missing.map(({ name, message }) => [name, message])).toEqual([
    [
      "empty",
      "text by the start, greedy: none is left to train on: of 12 texts 12 are empty, 0 did not end within 16 tokens, 0 are longer than 16 tokens with their prompt, 0 hold ids that are no tokens; let another model write, or raise maxNew",
    ],
  ])
  notes.length = 0
  const short = withArms({ short: arm({ ...distil, text: written({ by: "target", maxNew: 5, temperature: 1 }) }) })
  const { record: ofShort } = await run(short)
  expect([...notes, ...ofShort.missing.map(({ message }) => message)].join("\n")).toMatch(
    /text by the target, temperature 1: .*of 12 texts 0 are empty, \d+ did not end within 5 tokens/,
  )
})

test("a text that cannot be is refused before any work", async () => {
  const refused = async (experiment: Experiment, ...settings: ReadonlyArray<string>) =>
    (await Effect.runPromise(Effect.flip(resolved(experiment, ...settings)))).message
  expect(await refused(base, "target.pretraining.text=written:target")).toContain(
    "experiment tiny, target.pretraining.text: the target would read in its own training what it writes after it",
  )
  const mixed =
    '{"kind":"mixture","parts":{"a":{"weight":1,"text":{"kind":"written","by":"start"}},"b":{"weight":1,"text":{"kind":"task"}}}}'
  expect(await refused(base, `draft.start.pretraining.text=${mixed}`)).toContain(
    "draft.start.pretraining.text: a fresh model has nothing to write before it is trained",
  )
  expect(await refused(base, "arms.task.text=read")).toContain(
    'expected task, plain, written:target, written:start, written:draft, or an object as JSON (was "read")',
  )
  expect(
    await refused(base, 'arms.task.text={"kind":"mixture","parts":{"a":{"weight":1,"text":{"kind":"task"}}}}'),
  ).toContain("parts must be two parts or more (was 1)")
  expect(await refused(base, 'arms.task.text={"kind":"written","by":"target","temperature":-1}')).toContain(
    "temperature",
  )
  const accepted = await Effect.runPromise(resolved(base, "arms.task.text=written:target", "arms.task.text.maxNew=7"))
  const signals = await Effect.runPromise(resolved(base, "arms.task.signals.target=hidden"))
  expect(signals.arms[0]!.signals.target).toBe("hidden")
  expect(accepted.arms[0]!.config["text"]).toEqual({
    kind: "written",
    by: "target",
    temperature: 0,
    seed: 0,
    maxNew: 7,
  })
})

test("a text is described in a few words", async () => {
  const of = async (text: unknown) =>
    describeText((await Effect.runPromise(resolved(base, `arms.task.text=${JSON.stringify(text)}`))).arms[0]!.text!)
  expect(await of(taskText())).toBe("the task's text")
  expect(await of(written({ by: "target", temperature: 0.7, topP: 0.9, seed: 3, prompts: 100 }))).toBe(
    "text by the target, temperature 0.7, top-p 0.9, seed 3, 100 prompts",
  )
  const parts = { plain: { weight: 1, text: taskText() }, own: { weight: 9, text: written({ by: "start" }) } }
  expect(await of(mixture(parts))).toBe("1 plain to 9 own")
  expect(await of(plainText())).toBe("plain text")
  expect(await of(plainText(echo({ letters: 3 })))).toBe("plain text of echo")
})

test("caches and steps of equal compute are planned by the examples of a written text, and of all parts of a mixture", async () => {
  const cached = { ...distil, signals: { target: "full" } } as const
  const text = written({ by: "target", prompts: 5 })
  const own = { weight: 3, text: taskText() }
  const experiment = withArms({
    task: arm(cached),
    cut: arm({ ...cached, text }),
    mixed: arm({ ...cached, text: mixture({ own, cut: { weight: 1, text } }) }),
    equal: arm({ ...distil, steps: { computeOf: "mixed" } }),
  })
  const { measured, settled } = await Effect.runPromise(
    Effect.gen(function* () {
      const r = yield* resolve(experiment)
      return yield* buildGraph(r, yield* readTexts(r), () => ({ length: 14, trained: 11, examples: 12 }))
    }).pipe(Effect.provide(layers)),
  )
  const work = (name: string, of: string) =>
    measured.find((m) => m.name === name)!.trained.inputs.find(({ kind }) => kind === of)!.work
  expect(work("task", "signals").tokens).toBe(12 * 13)
  expect(work("cut", "signals").tokens).toBe(5 * 13)
  expect(work("mixed", "signals").tokens).toBe(17 * 13)
  // The steps pay for the cache of 17 examples and the writing of 5, beside the steps of the mixed arm.
  expect(settled.arms.find(({ name }) => name === "equal")!.steps).toBeGreaterThan(distil.steps)
})
