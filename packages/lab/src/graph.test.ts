import { expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { defineFilter, defineLoss, defineTask, shuffled } from "@winnow/core"
import { datasetsLayer } from "@winnow/data"
import { type } from "arktype"
import { Effect, Layer } from "effect"
import { graphOf as graph } from "../test/graph.ts"
import { runDistillation } from "../test/run-distillation.ts"
import { behind, echo, tiny, tinyModel } from "../test/tiny.ts"
import { arm } from "./experiment/define.ts"
import { resolve } from "./experiment/resolve.ts"
import { applySettings } from "./experiment/settings.ts"
import { trained } from "./experiment/spec.ts"
import { fresh } from "./experiment/start.ts"
import { taskText } from "./experiment/text.ts"
import { Progress } from "./progress.ts"
import { inOrder } from "./stage.ts"
import { Store } from "./store/store.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-reference-text-"))
const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent)

/** Text without prompts: no token is masked, and a run refuses that. */
const bare = defineTask({
  name: "bare",
  options: type({ "+": "reject" }),
  make: () => Effect.succeed({ examples: () => [{ prompt: "", answer: "abc" }] }),
})

const training = { steps: 2, batchSize: 4 }
const withReference = (reference: ReturnType<typeof trained>) => resolve({ ...tiny, seeds: [1], reference })
const graphOf = (reference: ReturnType<typeof trained>) =>
  Effect.runPromise(Effect.flatMap(withReference(reference), (r) => graph(r)))

test("a trained reference may have another text: its key depends on it, the arms' data stays", async () => {
  const [own, other, more] = [
    await graphOf(trained(training)),
    await graphOf(trained({ ...training, text: taskText(echo({ letters: 20 })) })),
    await graphOf(trained({ ...training, text: taskText(echo({ letters: 21 })) })),
  ]
  const behind = ({ measured }: typeof own) => measured.find(({ name }) => name === "behind")!
  const keys = [own, other, more].map((graph) => behind(graph).reference!.key)
  expect(new Set(keys).size).toBe(3)
  for (const graph of [other, more]) {
    expect(graph.data.key).toBe(own.data.key)
    expect(behind(graph).trained.inputs[0]!.key).toBe(own.data.key)
    expect(behind(graph).reference!.inputs.map(({ key }) => key)).toEqual([
      graph.texts[0]!.key,
      behind(own).reference!.inputs[1]!.key, // the same start
    ])
    // An arm without need of a reference is the same artifact.
    expect(graph.measured.find(({ name }) => name === "all")!.trained.key).toBe(
      own.measured.find(({ name }) => name === "all")!.trained.key,
    )
  }
  expect(own.texts).toEqual([])
  // The experiment's task, named explicitly, is its own text.
  const same = await graphOf(trained({ ...training, text: taskText(tiny.task) }))
  expect([same.texts.length, behind(same).reference!.key]).toEqual([0, keys[0]!])
})

test("a reference with another text runs, by --set too", async () => {
  const task = '{"name":"echo","options":{"letters":20}}'
  const setting = `reference={"kind":"trained","text":{"kind":"task","task":${task}},"steps":2,"batchSize":4}`
  const resolved = Effect.flatMap(applySettings(tiny, ["seeds=[1]", setting]), (e) => resolve(e))
  const { record } = await Effect.runPromise(
    Effect.flatMap(resolved, (r) => runDistillation(r, { slug: "000-tiny", results: join(home, "results") })).pipe(
      Effect.provide(layers),
    ),
  )
  expect(record.stages.map(({ label }) => label)).toContain("text, echo")
  expect(record.config).toMatchObject({
    arms: {
      behind: {
        reference: { kind: "trained", text: { kind: "task", task: { name: "echo", options: { letters: 20 } } } },
      },
    },
  })
  expect(record.rows.find(({ name }) => name === "behind")!.budget[0]!.reference!.steps).toBe(2)
})

test("the text of a reference is checked before anything is trained", async () => {
  const resolved = withReference(trained({ ...training, text: taskText(bare()) }))
  const run = Effect.flatMap(resolved, (r) => runDistillation(r, { slug: "000-tiny", results: join(home, "results") }))
  const error = await Effect.runPromise(Effect.flip(run.pipe(Effect.provide(layers))))
  expect(error.message).toContain(
    "preflight of text, bare: 1 of 1 examples (the first is number 0) have a mask of all 1",
  )
})

test("the code of a filter inside another is in the key, as its own is", async () => {
  const arms = { ...tiny.arms, placebo: { ...tiny.arms["behind"]!, filter: shuffled(behind()) } }
  const { measured } = await Effect.runPromise(Effect.flatMap(resolve({ ...tiny, arms }), (r) => graph(r)))
  const pluginsOf = (name: string) => {
    const { code } = measured.find((m) => m.name === name)!.trained.made as { code: { plugins: object } }
    return code.plugins
  }
  expect(pluginsOf("placebo")).toEqual(pluginsOf("behind"))
  expect(Object.keys(pluginsOf("placebo"))).toContain("filter behind")
})

test("an arm that reads no target has none in its key, its inputs or its division of the texts", async () => {
  const gold = defineLoss({
    name: "gold",
    target: false,
    options: type({ "+": "reject" }),
    make: () => ({ value: ({ draft, gold_R }) => draft.nll_R(gold_R) }),
  })
  const learnable = defineFilter({
    name: "learnable",
    needs: ["draftNll_N", "referenceNll_N"],
    options: type({ "+": "reject" }),
    make:
      () =>
      ({ draftNll_N, referenceNll_N }) =>
        Uint8Array.from(draftNll_N, (x, n) => (x >= referenceNll_N[n]! ? 1 : 0)),
  })
  const arms = {
    ...tiny.arms,
    focused: arm({ filter: learnable(), loss: gold(), steps: 2, batchSize: 4, reference: trained(training) }),
  }
  const measuredWith = async (steps: number) => {
    const target = fresh(tinyModel(32), { steps, batchSize: 8 })
    const resolved = await Effect.runPromise(resolve({ ...tiny, seeds: [1], arms, target }))
    const { measured } = await Effect.runPromise(graph(resolved))
    return Object.fromEntries(measured.map((m) => [m.name, m]))
  }
  const [short, long] = [await measuredWith(80), await measuredWith(81)]
  expect(short["focused"]!.trained.inputs.map(({ kind }) => kind)).toEqual(["data", "start", "reference"])
  expect(inOrder([short["focused"]!.trained]).some(({ kind }) => kind === "target")).toBe(false)
  expect(short["focused"]!.trained.key).toBe(long["focused"]!.trained.key)
  expect(short["focused"]!.kept!.inputs.map(({ kind }) => kind)).toEqual(["start", "reference", "rollouts"])
  expect(short["behind"]!.trained.key).not.toBe(long["behind"]!.trained.key)
})
