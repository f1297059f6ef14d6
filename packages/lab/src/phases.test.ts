/** The three phases of a draft: pretraining on plain text, a set that the target writes, and training on both. */
import { expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { datasetsLayer, passSize } from "@winnow/data"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { Effect, Layer } from "effect"
import { graphOf } from "../test/graph.ts"
import { runDistillation } from "../test/run-distillation.ts"
import { echo, everything, squares, tiny, tinyModel } from "../test/tiny.ts"
import { arm, type Experiment } from "./experiment/define.ts"
import { resolve } from "./experiment/resolve.ts"
import { applySettings } from "./experiment/settings.ts"
import { artifactOf, fresh } from "./experiment/start.ts"
import { mixture, plainText, taskText, written, writtenAt } from "./experiment/text.ts"
import { Progress } from "./progress.ts"
import { runStages } from "./schedule/run-all.ts"
import { inOrder, type Stage } from "./stage.ts"
import { readSplit } from "./stages/text.ts"
import { Store } from "./store/store.ts"
import { caption } from "./table/caption.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-phases-"))
const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent)
const resolved = (experiment: Experiment, ...settings: ReadonlyArray<string>) =>
  Effect.flatMap(applySettings(experiment, settings), (e) => resolve(e))
const refused = async (...settings: ReadonlyArray<string>) =>
  (await Effect.runPromise(Effect.flip(resolved(phases, ...settings)))).message
const graph = async (...settings: ReadonlyArray<string>) =>
  Effect.runPromise(Effect.flatMap(resolved(phases, ...settings), graphOf).pipe(Effect.provide(layers)))

const budget = { steps: 3, batchSize: 4, optimizer: { warmup: 2 } }
const distil = { filter: everything(), loss: squares(), ...budget }
const by = "target"

/** Every phase in a tiny experiment; its target writes the letters and then the end token. */
const phases: Experiment = {
  ...tiny,
  target: fresh(tinyModel(32), { steps: 200, batchSize: 8, optimizer: { learningRate: 0.01, warmup: 5 } }),
  draft: { start: fresh(tinyModel(8), { ...budget, text: plainText(echo({ letters: 20 })) }) },
  arms: {
    aligned: arm({
      ...distil,
      text: mixture({
        written: { weight: 9, text: writtenAt([0, 0.3, 1], { by, maxNew: 16 }) },
        plain: { weight: 1, text: plainText(echo({ letters: 20 })) },
      }),
    }),
  },
  seeds: [1],
  measure: { ...tiny.measure!, prompts: 2, timedPrompts: 1 },
  plugins: [...tiny.plugins!, crossEntropy],
}

const stagesOf = (stages: ReadonlyArray<Stage>, kind: string) => inOrder(stages).filter((s) => s.kind === kind)
const armOf = ({ measured }: Awaited<ReturnType<typeof graph>>, name = "aligned") =>
  measured.find((m) => m.name === name)!

test("plain text trains every token but the first; the set has the temperatures in equal shares; both are mixed 9 to 1", async () => {
  const of = await graph()
  const texts = stagesOf([armOf(of).trained], "text")
  expect(texts.map(({ label }) => label).toSorted()).toEqual([
    "mixed text, 1 t0 to 1 t0-3 to 1 t1",
    "mixed text, 9 written to 1 plain",
    "plain text of echo",
    "text by the target, greedy",
    "text by the target, temperature 0.3, seed 1",
    "text by the target, temperature 1, seed 2",
  ])
  const artifacts = await Effect.runPromise(Effect.provide(runStages(texts, { versions: {} }), layers))
  const read = (label: string) =>
    Effect.runPromise(readSplit(artifacts.get(texts.find((text) => text.label === label)!.key)!, "train"))
  const plain = await read("plain text of echo")
  expect(plain.examples).toHaveLength(20)
  expect(plain.trained).toBe(plain.tokens - 20)
  for (const { promptLength } of plain.examples) expect(promptLength).toBe(0)
  const parts = await Promise.all(
    ["greedy", "temperature 0.3, seed 1", "temperature 1, seed 2"].map((one) => read(`text by the target, ${one}`)),
  )
  const set = await read("mixed text, 1 t0 to 1 t0-3 to 1 t1")
  const all = await read("mixed text, 9 written to 1 plain")
  const most = Math.max(...parts.map(({ examples }) => examples.length))
  expect(set.pass).toHaveLength(3 * most)
  const written = set.examples.length
  const shares = [0, 0]
  for (const e of all.pass!) shares[e < written ? 0 : 1]!++
  expect(shares[1]).toBe(20)
  expect(shares[0]).toBe(180)
  expect(passSize(all).examples).toBe(200)
})

test("each phase is left out by one setting, and what is left is the same artifact", async () => {
  const whole = armOf(await graph())
  const labels = (one: typeof whole) => stagesOf([one.trained], "text").map(({ label }) => label)
  const keys = (one: typeof whole) => new Set(inOrder([one.trained]).map(({ key }) => key))

  const unpretrained = armOf(await graph("arms.aligned.start=untrained"))
  expect(labels(unpretrained)).toEqual(labels(whole))
  expect(unpretrained.start!.work.steps).toBe(undefined)
  expect(whole.start!.work.steps).toBe(3)

  const unwritten = armOf(await graph("arms.aligned.text.parts.written.text=task"))
  expect(labels(unwritten)).toEqual(["plain text of echo", "mixed text, 9 written to 1 plain"])
  const greedy = armOf(
    await graph(
      "arms.aligned.text.parts.written.text=written:target",
      "arms.aligned.text.parts.written.text.maxNew=16",
    ),
  )
  expect(labels(greedy)).toContain("text by the target, greedy")
  expect([...keys(greedy)].filter((key) => keys(whole).has(key)).length).toBe(keys(greedy).size - 2)

  const unmixed = armOf(await graph("arms.aligned.text.parts.plain.weight=0"))
  const [text] = unmixed.trained.inputs
  expect(text!.label).toBe("mixed text, 1 t0 to 1 t0-3 to 1 t1")
  expect(unmixed.start!.key).toBe(whole.start!.key)
})

test("a part may have a loss of its own: the mixture's borders and the arm change, texts and start do not", async () => {
  const [plain, own] = [
    armOf(await graph()),
    armOf(await graph('arms.aligned.text.parts.plain.loss={"name":"cross-entropy"}')),
  ]
  const text = ({ trained }: typeof plain) => trained.inputs[0]!
  expect(text(own).label).toBe("mixed text, 9 written to 1 plain by cross-entropy")
  expect(text(own).inputs.map(({ key }) => key)).toEqual(text(plain).inputs.map(({ key }) => key))
  expect([text(own).key, own.trained.key]).not.toEqual([text(plain).key, plain.trained.key])
  expect(own.start!.key).toBe(plain.start!.key)
  // A part of weight 0 leaves one part, whose loss stays its own.
  const alone = armOf(
    await graph(
      'arms.aligned.text.parts.plain.loss={"name":"cross-entropy"}',
      "arms.aligned.text.parts.written.weight=0",
    ),
  )
  expect(text(alone).label).toBe("mixed text, 1 plain by cross-entropy")
  expect(
    text(armOf(await graph("arms.aligned.text.parts.plain.weight=0", 'arms.aligned.text.parts.plain.loss="squares"')))
      .key,
  ).toBe(text(armOf(await graph("arms.aligned.text.parts.plain.weight=0"))).key)

  const mixed = JSON.stringify({
    kind: "mixture",
    parts: { a: { weight: 1, text: { kind: "task" } }, b: { weight: 1, text: { kind: "plain" }, loss: "squares" } },
  })
  expect(await refused(`draft.start.pretraining.text=${mixed}`)).toContain(
    "its part b has a loss of its own, and a pretraining has none to replace",
  )
  expect(await refused(`arms.aligned.text.parts.written.text=${mixed}`)).toContain("parts.b.loss must be removed")
  expect(
    await refused('arms.aligned.text.parts.plain.loss="squares"', "arms.aligned.text.parts.written.text=written:draft"),
  ).toContain("no loss of a part's own beside a part that the draft writes")
  expect(
    await refused(
      'arms.aligned.text.parts.plain.loss="squares"',
      'arms.aligned.loss={"name":"cross-entropy"}',
      'arms.aligned.signals={"target":{"topK":4}}',
    ),
  ).toContain("loss squares compares all of the target's distribution")
})

test("a run with the next token's loss on plain text alone: the arm's text is told, other arms keep their artifacts", async () => {
  const run = (...settings: ReadonlyArray<string>) =>
    Effect.runPromise(
      Effect.flatMap(resolved(phases, ...settings), (r) =>
        runDistillation(r, { slug: "000-phases", results: join(home, "results") }),
      ).pipe(Effect.provide(layers)),
    )
  const own = {
    ...{ filter: "everything", loss: "squares", ...budget },
    text: {
      kind: "mixture",
      parts: {
        task: { weight: 1, text: { kind: "task" } },
        plain: { weight: 1, text: { kind: "plain" }, loss: "cross-entropy" },
      },
    },
  }
  // Without the target's probabilities of the other part the target is read by no loss: its share alone decides.
  const none = {
    ...own,
    loss: "cross-entropy",
    text: { ...own.text, parts: { ...own.text.parts, plain: { weight: 1, text: { kind: "plain" } } } },
  }
  const { record } = await run(`arms.own=${JSON.stringify(own)}`, `arms.none=${JSON.stringify(none)}`)
  expect(record.missing).toEqual([])
  const flops = (name: string) => record.rows.find((row) => row.name === name)!.budget[0]!.arm.flops
  expect(flops("own")).toBeGreaterThan(flops("none"))
})

test("a start that is untrained is the drafts' own: their weights before pretraining, and it writes no text", async () => {
  const { measured } = await graph("arms.aligned.start=untrained")
  const bare = { ...phases, draft: { start: fresh(tinyModel(8)) } }
  const of = await Effect.runPromise(Effect.flatMap(resolve(bare), graphOf).pipe(Effect.provide(layers)))
  expect(measured.find(({ name }) => name === "aligned")!.start!.key).toBe(
    of.measured.find(({ name }) => name === "start")!.trained.key,
  )
  expect(await refused("arms.aligned.start=untrained", "arms.aligned.text=written:start")).toContain(
    "arms.aligned.text: a fresh model has nothing to write before it is trained",
  )
  const asked = arm({
    ...distil,
    start: artifactOf("untrained"),
    text: mixture({ a: { weight: 1, text: taskText() }, b: { weight: 0, text: written({ by }) } }),
  })
  const { arms } = await Effect.runPromise(resolve({ ...phases, arms: { asked } }))
  expect(arms[0]!.config["start"]).toMatchObject({ kind: "fresh" })
  expect(Object.hasOwn(arms[0]!.config["start"] as object, "pretraining")).toBe(false)
  expect(
    await refused(
      'arms.aligned.text.parts.plain.text={"kind":"mixture","parts":{"a":{"weight":1,"text":{"kind":"mixture","parts":{}}},"b":{"weight":1,"text":{"kind":"task"}}}}',
    ),
  ).toContain("arms.aligned: text.parts.plain.text.parts.a.text.kind must be")
})

test("a run of all phases counts what was written; where arms begin with different models, each one's pretraining too", async () => {
  const run = async (...settings: ReadonlyArray<string>) => {
    const { record } = await Effect.runPromise(
      Effect.flatMap(resolved(phases, ...settings), (r) =>
        runDistillation(r, { slug: "000-phases", results: join(home, "results") }),
      ).pipe(Effect.provide(layers)),
    )
    expect(record.missing).toEqual([])
    const cost = (name: string) => record.rows.find((row) => row.name === name)!.budget[0]!
    return { record, cost }
  }
  const { cost: alone, record: ofOne } = await run()
  expect(alone("aligned").total.flops).toBeGreaterThan(alone("aligned").arm.flops)
  expect(alone("aligned").start).toBe(undefined)
  expect(caption(ofOne).join("\n")).toContain("Target and start are excluded.")

  const untrained = JSON.stringify({ filter: "everything", loss: "squares", ...budget, start: { kind: "untrained" } })
  const equal = JSON.stringify({ ...JSON.parse(untrained), steps: { computeOf: "aligned" } })
  const { cost, record } = await run(`arms.untrained=${untrained}`, `arms.equal=${equal}`)
  const pretraining = cost("start").arm
  expect(cost("aligned").start).toMatchObject({ steps: 3, flops: pretraining.flops })
  expect(cost("aligned").total.flops).toBe(alone("aligned").total.flops + pretraining.flops)
  expect(cost("aligned").total.steps).toBe(3 + 3)
  expect(cost("untrained").start).toMatchObject({ steps: 0, flops: 0 })
  expect(cost("untrained").total.flops).toBe(cost("untrained").arm.flops)
  // Its steps pay for the other's pretraining and texts too.
  expect(Math.abs(cost("equal").total.flops / cost("aligned").total.flops - 1)).toBeLessThan(0.3)
  expect(cost("equal").arm.steps).toBeGreaterThan(6)
  expect(caption(record).join("\n")).toContain("its start, reference, caches and texts. The target is excluded.")
  expect(record.conclusions.join("\n")).toContain("starts, references, caches and texts counted")
})
