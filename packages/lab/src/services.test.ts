/**
 * Services that a filter or a loss needs: the experiment provides them, keys and workers include them, and a check
 * precedes all work.
 */
import { expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { defineService } from "@winnow/core"
import { datasetsLayer } from "@winnow/data"
import { type } from "arktype"
import { Effect, Layer } from "effect"
import { graphOf } from "../test/graph.ts"
import judgedExperiment, { Judge, judged, judges, upTo } from "../test/judged-experiment.ts"
import { runDistillation } from "../test/run-distillation.ts"
import { storeContents } from "../test/store-contents.ts"
import { everything, squares, tiny } from "../test/tiny.ts"
import { arm, defineExperiment, type Experiment } from "./experiment/define.ts"
import { resolve } from "./experiment/resolve.ts"
import { applySettings } from "./experiment/settings.ts"
import { distilled } from "./experiment/spec.ts"
import { workers } from "./launch/workers.ts"
import { Progress } from "./progress.ts"
import { readMetrics } from "./stage.ts"
import { Store } from "./store/store.ts"

const newHome = () => mkdtempSync(join(tmpdir(), "winnow-services-"))
const run = (experiment: Experiment, home: string, jobs: number) =>
  Effect.runPromise(
    Effect.flatMap(resolve(experiment), (resolved) =>
      runDistillation(resolved, {
        slug: "000-judged",
        results: join(home, "results"),
        source: { file: join(import.meta.dir, "../test/judged-experiment.ts") },
      }),
    ).pipe(
      Effect.provide(
        Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent, workers(jobs)),
      ),
    ),
  )
const set = (...settings: ReadonlyArray<string>) => Effect.runPromise(applySettings(judgedExperiment, settings))

test("a filter and a loss that ask a judge work in an arm, and in workers, byte by byte", async () => {
  const [one, two] = [newHome(), newHome()]
  const { record } = await run(judgedExperiment, one, 1)
  expect(record.missing).toEqual([])
  expect(judges.opened).toBeGreaterThan(2)
  expect(judges.closed).toBe(judges.opened)
  expect(record.config).toMatchObject({
    services: { judge: { kind: "service", name: "up-to", options: { last: 103 } } },
  })
  // The judge likes the letters a to g, so its choice alone keeps about half of the tokens.
  const trained = record.stages.find(({ label }) => label === "arm judged, seed 1")!
  const steps = readMetrics(join(one, "arm", trained.key)).filter(({ _tag }) => _tag === "step")
  const kept = steps.map(({ keptFraction }) => keptFraction as number)
  expect(Math.max(...kept)).toBeLessThan(1)
  expect(Math.min(...kept)).toBeGreaterThan(0.2)

  await run(judgedExperiment, two, 2)
  expect(storeContents(two)).toEqual(storeContents(one))
})

test("the options and the code of a service are in the keys of what asks it, and in no other", async () => {
  const keysOf = async (experiment: Experiment) => {
    const graph = await Effect.runPromise(Effect.flatMap(resolve(experiment), (r) => graphOf(r)))
    return Object.fromEntries(graph.measured.map(({ name, trained, kept }) => [name, { trained, kept }]))
  }
  const [before, after] = [await keysOf(judgedExperiment), await keysOf(await set("services.judge.last=110"))]
  expect(after["all"]!.trained.key).toBe(before["all"]!.trained.key)
  for (const name of ["judged", "judged-loss"]) {
    expect(after[name]!.trained.key).not.toBe(before[name]!.trained.key)
    expect(after[name]!.kept!.key).not.toBe(before[name]!.kept!.key)
    const { code } = before[name]!.trained.made as { code: { plugins: Record<string, { files: object }> } }
    expect(Object.keys(code.plugins["service up-to"]!.files)).toContain("judged-experiment.ts")
  }
  const signals = (graph: typeof before) => graph["judged-loss"]!.trained.inputs.find(({ kind }) => kind === "signals")!
  expect(signals(after).key).not.toBe(signals(before).key)
})

test("a service that says its FLOPs is in the cost of what asks it: planned, counted, and in steps of equal compute", async () => {
  const priced = (flops?: number) =>
    defineService({
      name: "priced",
      provides: [Judge],
      options: type({ "+": "reject" }),
      make: () => Layer.succeed(Judge, { likes: (id) => id <= 103 }),
      ...(flops !== undefined && { flops: () => (length: number) => flops * length }),
    })
  const { all, judged: asking } = judgedExperiment.arms as Readonly<Record<string, Experiment["arms"][string]>>
  const equal = { ...all!, steps: { computeOf: "judged" } }
  const priceOf = (flops?: number): Experiment => ({
    ...judgedExperiment,
    arms: { judged: asking!, equal } as Experiment["arms"],
    services: { judge: priced(flops)() },
  })
  const workOf = async (flops?: number) => {
    const graph = await Effect.runPromise(Effect.flatMap(resolve(priceOf(flops)), (r) => graphOf(r)))
    return new Map(graph.measured.map(({ name, trained }) => [name, trained.work]))
  }
  const [free, costly] = [await workOf(), await workOf(1e6)]
  // Six steps of four texts, each another one as far as the plan knows.
  const added = costly.get("judged")!.flops! - free.get("judged")!.flops!
  expect(added).toBeGreaterThan(1e6)
  expect(added / 1e6 / costly.get("judged")!.tokens!).toBeCloseTo(1, 2)
  expect(costly.get("equal")!.steps!).toBeGreaterThan(free.get("equal")!.steps!)

  const home = newHome()
  const [one, two] = [await run(priceOf(), home, 1), await run(priceOf(1e6), newHome(), 1)]
  const of = ({ record }: typeof one) => record.rows.find(({ name }) => name === "judged")!.budget[0]!
  const counted = (of(two).total.flops - of(one).total.flops) / 1e6
  // All texts are as long as each other. The pass has thirteen, and 24 sequences ask about each of them once.
  expect((24 * counted) / of(one).arm.tokensSeen).toBeCloseTo(13, 6)
})

test("a service that is missing, or is there twice, is refused before any work", async () => {
  const refused = async (more: Partial<Experiment>) =>
    (await Effect.runPromise(Effect.flip(resolve({ ...judgedExperiment, ...more })))).message
  expect(await refused({ services: {} })).toContain(
    "arms.judged: filter judged needs the service test/Judge, and none of the experiment's provides it; add one",
  )
  expect(await refused({ services: { first: upTo(), second: upTo({ last: 99 }) } })).toContain(
    "which services.first and services.second provide; leave one out",
  )
  const ofReference = {
    ...tiny,
    reference: distilled({ filter: judged() as never, loss: squares(), steps: 2, batchSize: 4 }),
  }
  expect((await Effect.runPromise(Effect.flip(resolve(ofReference)))).message).toContain("needs the service test/Judge")
  await expect(set("services.judge.last=x")).rejects.toThrow("service up-to: last must be a number")
  await expect(set("services.judge=nobody")).rejects.toThrow('no service "nobody" here; there are up-to')
})

test("a service that reaches outside of its files is noted, and its results serve one run", async () => {
  const { untoldPlugins } = await import("./untold.ts")
  const seen = defineService({
    name: "seen",
    provides: [Judge],
    options: type({ "+": "reject" }),
    make: () => Layer.succeed(Judge, { likes: (id) => id > Number(process.env["WINNOW_TEST_JUDGE"] ?? 0) }),
  })
  const resolved = await Effect.runPromise(resolve({ ...judgedExperiment, services: { judge: seen() } }))
  expect(untoldPlugins(resolved).join("\n")).toContain("results of service seen are computed in each run")
})

export const typed = [
  () => {
    const { services: _, ...bare } = tiny
    const arms = { judged: arm({ filter: judged(), loss: squares(), steps: 2, batchSize: 4 }) }
    return [
      defineExperiment({ ...bare, arms, services: { judge: upTo() } }),
      // @ts-expect-error the filter needs a judge, and the experiment has none
      defineExperiment({ ...bare, arms }),
      // @ts-expect-error no service is a judge
      defineExperiment({ ...bare, arms, services: {} }),
      defineExperiment({
        ...bare,
        arms: { all: arm({ filter: everything(), loss: squares(), steps: 2, batchSize: 4 }) },
      }),
    ]
  },
]

test("a service that is defined without a list of what it provides is refused", () => {
  const define = defineService as unknown as (spec: unknown) => unknown
  expect(() =>
    define({ name: "odd", provides: Judge, options: type({ "+": "reject" }), make: () => Layer.empty }),
  ).toThrow("its provides is a function; expected a list of services, such as [Judge]")
})
