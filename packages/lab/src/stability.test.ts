/** The record of kept tokens through the whole lab: stages, records, reports, caches, settings. */
import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { defineTask, taskUse } from "@winnow/core"
import { datasetsLayer } from "@winnow/data"
import { heldOutLoss } from "@winnow/measure-held-out-loss"
import { nextToken } from "@winnow/objective-next-token"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { Effect, Layer } from "effect"
import { graphOf } from "../test/graph.ts"
import { behind, tiny } from "../test/tiny.ts"
import type { Experiment } from "./experiment/define.ts"
import { resolve } from "./experiment/resolve.ts"
import { applySettings } from "./experiment/settings.ts"
import { taskText } from "./experiment/text.ts"
import { Progress } from "./progress.ts"
import { documentOf } from "./results.ts"
import { runExperiment } from "./run.ts"
import { readProbe } from "./stages/probe.ts"
import { Store } from "./store/store.ts"
import type { StudyTable, TableFigure } from "./study/table.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-stability-"))
afterAll(() => rmSync(home, { recursive: true }))
const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent)
const stability = { tokens: 20, at: [0, 0.5, 1] }
const probed: Experiment = { ...tiny, stability }
const resolved = (experiment: Experiment, ...settings: ReadonlyArray<string>) =>
  Effect.flatMap(applySettings(experiment, settings), (e) => resolve(e))
const run = (experiment: Experiment, ...settings: ReadonlyArray<string>) =>
  Effect.runPromise(
    Effect.flatMap(resolved(experiment, ...settings), (r) =>
      runExperiment(r, { slug: "000-tiny", results: join(home, "results") }),
    ).pipe(Effect.provide(layers)),
  )
const tablesIn = (finished: Awaited<ReturnType<typeof run>>) =>
  (documentOf(finished) as unknown as { readonly tables?: ReadonlyArray<StudyTable> }).tables ?? []
const cells = (finished: Awaited<ReturnType<typeof run>>, table: string, row: string) =>
  tablesIn(finished)
    .find(({ name }) => name === table)!
    .rows.find(({ name }) => name === row)!.cells as Record<string, TableFigure | null>

test("a run records the choices of its filters, and trains the same drafts as without", async () => {
  const tensors = tf.memory().numTensors
  const plain = await run(tiny)
  const first = await run(probed)
  expect(tf.memory().numTensors).toBe(tensors)
  // The two seeds of the arm that chooses, measured again; all else is there.
  expect(first.computed).toBe(2 * 2)
  const weights = (of: typeof plain) => documentOf(of).weights.map(({ name, seed, sha256 }) => [name, seed, sha256])
  expect(weights(first)).toEqual(weights(plain))
  expect(tablesIn(plain)).toEqual([])
  expect(tablesIn(first).map(({ name }) => name)).toEqual(["stability-seeds", "stability-steps", "stability-course"])
  expect(cells(first, "stability-course", "behind 3")["part"]).toEqual({ value: 0.5 })
  const { overlap, chance } = cells(first, "stability-seeds", "behind")
  expect(overlap!.value).toBeWithin(0, 1.001)
  expect(chance!.value).toBeWithin(0.2, 0.6)
  expect(readFileSync(join(first.directory, "report.html"), "utf8")).toContain("How stable the choice is")
  const again = await run(probed)
  expect([again.computed, tablesIn(again)]).toEqual([0, tablesIn(first)])
})

test("the artifact has the points and says their cost, which the arm's own leaves out", async () => {
  const finished = await run(probed)
  const { graph } = await Effect.runPromise(
    Effect.flatMap(resolved(probed), (r) => graphOf(r)).pipe(
      Effect.map((graph) => ({ graph })),
      Effect.provide(layers),
    ),
  )
  const stages = graph.measured.filter(({ role }) => role === "arm")
  const artifacts = await Effect.runPromise(
    Effect.map(Effect.service(Store), (store) => stages.map(({ trained: t }) => store.find(t.kind, t.key)!)).pipe(
      Effect.provide(layers),
    ),
  )
  for (const [i, artifact] of artifacts.entries()) {
    const points = await Effect.runPromise(readProbe(artifact))
    const told = artifact.manifest.summary["probe"] as Record<string, number> | undefined
    expect(told === undefined).toBe(stages[i]!.name === "all")
    expect(points.map(({ step }) => step)).toEqual(told ? [0, 3, 6] : [])
    if (told === undefined) continue
    // Two texts of eleven trained tokens.
    expect(told).toMatchObject({ tokens: 22, points: 3 })
    expect(told["flops"]).toBeGreaterThan(0)
    expect(told["bytes"]).toBeLessThan(3 * 22 * 8 + 400)
  }
  const { rows } = (await run(tiny)).record!
  const ofProbed = finished.record!.rows
  expect(ofProbed.map(({ budget }) => budget[0]!.total.flops)).toEqual(rows.map(({ budget }) => budget[0]!.total.flops))
})

test("a run without acceptance, with cached signals and other references, records too", async () => {
  const { maxNew: _, gammas: __, gamma: ___, timedPrompts: ____, ...measure } = tiny.measure as Record<string, never>
  const judged = await run(
    {
      ...probed,
      measures: [heldOutLoss({ objective: nextToken() })],
      measure,
      arms: {
        ...tiny.arms,
        average: { ...tiny.arms["behind"]!, reference: { kind: "average", decay: 0.5 } },
        cached: { ...tiny.arms["behind"]!, signals: { target: "hidden", reference: "cached" } },
        few: { ...tiny.arms["behind"]!, filter: behind({ k: 0.2 }) },
      },
    },
    "seeds=[1]",
    "stability.at=[0,1]",
  )
  const pairs = tablesIn(judged).find(({ name }) => name === "stability-arms")!
  expect(pairs.rows.map(({ name }) => name)).toEqual([
    "behind / average",
    "behind / cached",
    "behind / few",
    "average / cached",
    "average / few",
    "cached / few",
  ])
  // Cached signals are those of the live models, but for their rounding, so the choices hardly differ.
  expect((pairs.rows[1]!.cells["overlap"] as TableFigure).value).toBeGreaterThan(0.6)
  // Before the first step the average is the draft itself, so all is kept.
  expect(cells(judged, "stability-course", "average 0")["kept"]!.value).toBe(1)
  expect(cells(judged, "stability-course", "few 6")["kept"]!.value).toBeWithin(0.1, 0.5)
  expect(readFileSync(join(judged.directory, "report.html"), "utf8")).toContain("How stable the choice is")
})

test("a probe of text with corrupted answers tells how many of their tokens are kept", async () => {
  const marked = defineTask({
    name: "marked",
    options: type({ "+": "reject", of: taskUse }),
    make: ({ of }) =>
      Effect.map(of.instance, ({ name: _, ...task }) => ({
        ...task,
        examples: (split) =>
          task.examples(split).map((example, i) => (i % 2 === 0 ? example : { ...example, corrupted: true })),
      })),
  })
  const text = taskText(marked({ of: tiny.task }))
  const noisy = await run({ ...tiny, stability: { ...stability, split: "train", text } }, "seeds=[1]")
  const { kept, noise } = cells(noisy, "stability-seeds", "behind") as Record<"kept" | "noise", TableFigure>
  const [ofAll, ofNoise] = [kept.value!, noise.value!]
  // Two texts of eleven tokens, of which the second is corrupted: as many are kept there as are not of the first.
  expect(11 * ofNoise).toBeCloseTo(Math.round(11 * ofNoise), 9)
  expect(ofAll).toBeWithin(ofNoise / 2, (1 + ofNoise) / 2 + 1e-9)
})

test("trials of a search record nothing; settings that make no sense are refused", async () => {
  const searched: Experiment = {
    ...probed,
    sweep: { over: { "optimizer.learningRate": [0.001, 0.003] }, prompts: 4 },
  }
  const graph = await Effect.runPromise(
    Effect.flatMap(resolved(searched), (r) => graphOf(r)).pipe(Effect.provide(layers)),
  )
  const madeOf = ({ made }: { readonly made: unknown }) => JSON.stringify(made)
  expect(graph.trials.flatMap(({ inputs }) => inputs.map(madeOf)).filter((text) => text.includes('"probe"'))).toEqual(
    [],
  )
  expect(graph.measured.map(({ trained }) => madeOf(trained).includes('"probe"'))).toContain(true)
  const refused = async (setting: string) => (await Effect.runPromise(Effect.flip(resolved(probed, setting)))).message
  expect(await refused("stability.at=[1,0]")).toContain("parts of the steps in ascending order")
  expect(await refused("stability.at=[2]")).toContain("at[0] must be at most 1")
  expect(await refused("stability.tokens=0")).toContain("tokens must be at least 1")
  expect(await refused("stability.until=3")).toMatch(/has no until; it has .*tokens/)
})
