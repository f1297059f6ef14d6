/** Choices on the validation split: a start by its scores, and the best of several arms, each taken by the next step. */
import { expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { accuracy } from "@winnow/measure-accuracy"
import { nextToken } from "@winnow/objective-next-token"

import { perplexity } from "@winnow/score-perplexity"
import { size } from "@winnow/score-size"
import { tmiKnn } from "@winnow/score-tmi-knn"
import { Glob } from "bun"
import { Effect, Layer } from "effect"
import { graphOf } from "../test/graph.ts"
import { runDistillation } from "../test/run-distillation.ts"
import { behind, everything, squares, tiny, tinyModel } from "../test/tiny.ts"
import { plan } from "./estimate.ts"
import { arm, type Experiment } from "./experiment/define.ts"
import { fromConfig } from "./experiment/from-config.ts"
import { registryOf } from "./experiment/registry.ts"
import { resolve } from "./experiment/resolve.ts"
import { scored } from "./experiment/scored.ts"
import { applySettings } from "./experiment/settings.ts"
import { earlier } from "./experiment/spec.ts"
import { artifactOf, fresh } from "./experiment/start.ts"
import type { Trial } from "./judge.ts"
import { Progress } from "./progress.ts"
import { inOrder } from "./stage.ts"
import { Store } from "./store/store.ts"
import { scoresAlone } from "./study/scores-alone.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-choices-"))
const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent)
const run = (experiment: Experiment) =>
  Effect.runPromise(
    Effect.flatMap(resolve(experiment), (r) =>
      runDistillation(r, { slug: "000-tiny", results: join(home, "results") }),
    ).pipe(Effect.provide(layers)),
  )
const pretrained = (steps: number) =>
  fresh(tinyModel(8), { steps, batchSize: 4, optimizer: { warmup: 2, learningRate: 0.01 } })
const among = { untrained: fresh(tinyModel(8)), old: pretrained(40), young: pretrained(4) }
const scores = { perplexity: perplexity(), size: size() }
const budget = { steps: 4, batchSize: 4, optimizer: { warmup: 2 } }
const { reference: _, ...rest } = tiny
const experiment: Experiment = {
  ...rest,
  draft: { start: scored({ among, scores, by: "perplexity", tokens: 60, perClass: "all" }) },
  arms: {
    all: arm({ filter: everything(), loss: squares(), ...budget }),
    slow: arm({ filter: everything(), loss: squares(), ...budget, optimizer: { warmup: 2, learningRate: 1e-5 } }),
    further: arm({ filter: everything(), loss: squares(), ...budget, start: artifactOf({ best: ["all", "slow"] }) }),
  },
}
const keysOf = async (of: Experiment, choosing?: (trial: Trial) => number) => {
  const judge = choosing && ((trials: ReadonlyArray<Trial>) => Effect.succeed(trials.map(choosing)))
  const graph = await Effect.runPromise(Effect.flatMap(resolve(of), (r) => graphOf(r, undefined, judge)))
  return { graph, leaves: graph.leaves.map(({ label, key }) => [label, key]) }
}

test("a run takes the start with the best score, and the best arm as the start of another; it is recorded and reused", async () => {
  const { record } = await run(experiment)
  const [ranking, choice] = record.tables!
  expect([ranking!.name, choice!.name]).toEqual(["ranking", "choice-further"])
  // Forty steps on the text give the lowest perplexity; no step the highest.
  expect(ranking!.rows.map(({ name, cells }) => [name, cells["taken"]])).toEqual([
    ["old", "yes"],
    ["young", ""],
    ["untrained", ""],
  ])
  const perplexities = ranking!.rows.map(({ cells }) => (cells["score"] as { value: number }).value)
  expect(perplexities).toEqual(perplexities.toSorted((a, b) => a - b))
  expect(ranking!.notes[0]).toContain("The lowest perplexity on echo/validation (seed 0) was taken: old.")
  const [first, second] = choice!.rows.map(({ name, cells }) => ({ name, ...(cells["score"] as { value: number }) }))
  expect(first!.value).toBeGreaterThanOrEqual(second!.value)
  expect(choice!.rows[0]!.cells["taken"]).toBe("yes")
  expect(record.rows.find(({ name }) => name === "further")!.from).toBe(`arm ${first!.name}`)
  // Measured drafts begin with the chosen start, and the others are trained under the search's seed alone.
  const pretrainings = record.stages.filter(({ kind, label }) => kind === "start" && label.startsWith("candidate"))
  expect(pretrainings.every(({ label }) => label.endsWith("seed 0"))).toBe(true)
  expect((await run(experiment)).computed).toBe(0)
  const planned = Effect.flatMap(resolve(experiment), plan).pipe(Effect.provide(layers))
  expect((await Effect.runPromise(planned)).stages.every(({ state }) => state === "cached")).toBe(true)
})

test("the scores alone are those of the run, and train no arm", async () => {
  const elsewhere = Layer.mergeAll(
    Store.layer(join(home, "alone")),
    datasetsLayer({ folder: undefined }),
    Progress.silent,
  )
  const tables = Effect.flatMap(resolve(experiment), scoresAlone).pipe(Effect.provide(elsewhere))
  const [ranking, ...more] = await Effect.runPromise(tables)
  expect(more).toEqual([])
  expect(ranking).toEqual((await run(experiment)).record.tables![0]!)
  const stages = (kind: string) =>
    [...new Glob(`**/${kind}/*`).scanSync({ cwd: join(home, "alone"), onlyFiles: false })].length
  expect([stages("start-score"), stages("arm")]).toEqual([3, 0])
})

test("each stage after a choice has the key that it has where the chosen start is written", async () => {
  const better = { untrained: 1, old: 3, young: 2, slow: 9, all: 8 } as Record<string, number>
  // By perplexity the lowest counts, by acceptance the highest.
  const { leaves, graph } = await keysOf(experiment, ({ name, set }) => better[(set["arm"] as string) ?? name]!)
  expect(graph.settled.choices.map(({ at, chosen }) => [at, chosen])).toEqual([
    ["draft.start", "untrained"],
    ["arms.further.start", "slow"],
  ])
  const written: Experiment = {
    ...experiment,
    draft: { start: among.untrained },
    arms: { ...experiment.arms, further: { ...experiment.arms["further"]!, start: artifactOf({ arm: "slow" }) } },
  }
  expect(leaves).toEqual((await keysOf(written)).leaves)
})

test("until scores are known a plan takes the candidate in the middle, and every place of the config reads back", async () => {
  const { graph, leaves } = await keysOf(experiment)
  expect(graph.settled.choices.map(({ chosen }) => chosen)).toEqual(["old", "slow"])
  expect(inOrder(graph.trials).filter(({ kind }) => kind === "start-score")).toHaveLength(3)
  const { config } = await Effect.runPromise(resolve(experiment))
  const again = await Effect.runPromise(fromConfig(JSON.parse(JSON.stringify(config)), registryOf(experiment)))
  expect((await keysOf(again)).leaves).toEqual(leaves)
  const set = await Effect.runPromise(
    applySettings(experiment, ["arms.further.start=best:slow,all", "draft.start.among.old.pretraining.steps=5"]),
  )
  const resolved = await Effect.runPromise(resolve(set))
  expect(resolved.arms[2]!.start).toEqual({ kind: "arm", arm: "all", among: ["slow", "all"] })
  expect(resolved.draft.start).toMatchObject({ pretraining: { steps: 5 } })
})

test("a search settles the arms before the best of them is chosen", async () => {
  const rates = [1e-3, 1e-2]
  const searched = { ...experiment, sweep: { over: { "optimizer.learningRate": rates }, prompts: 6 } }
  const { graph } = await keysOf(searched, ({ set }) =>
    set["arm"] === undefined
      ? ((set["optimizer.learningRate"] as number | undefined) ?? 0)
      : set["arm"] === "all"
        ? 1
        : 0,
  )
  const [all, , further] = graph.settled.arms
  expect(all!.optimizer.learningRate).toBe(1e-2)
  expect(further!.start).toEqual({ kind: "arm", arm: "all" })
  // The chosen settings of an arm are tried already: the same stage tells how good the arm is.
  const keyOf = (label: string) => graph.trials.find((one) => one.label === label)!.key
  expect(keyOf("try the start of further, all")).toBe(keyOf("try all, rate 0.01"))
})

test("choices that cannot be made are refused before any work", async () => {
  const refused = async (more: object) =>
    (await Effect.runPromise(Effect.flip(resolve({ ...experiment, ...more } as Experiment)))).message
  const start = (of: object) => ({ draft: { start: { ...scored({ among, scores }), ...of } } })
  expect(await refused(start({ by: "knn" }))).toContain("one of the scores perplexity, size")
  expect(await refused(start({ among: { old: among.old } }))).toContain("two candidates or more")
  expect(await refused(start({ among: { ...among, "A b": among.old } }))).toContain("names of lower-case letters")
  const { all, slow, further } = experiment.arms as Record<string, Experiment["arms"][string]>
  const begins = (of: object) => ({ arms: { all, slow, further: { ...further, start: of } } })
  expect(await refused(begins(artifactOf({ best: ["all", "fast"] })))).toContain("'fast', which is not one of the arms")
  expect(await refused(begins(artifactOf({ best: ["all", "further"] })))).toContain("begins with this one in the end")
  expect(await refused(begins(artifactOf({ best: ["all"] })))).toContain(
    "arms.further: start.among must be at least length 2",
  )
  expect(await refused(begins(artifactOf("untrained")))).toContain("name the model itself")
  const compared = {
    ...further,
    filter: behind({ k: 0.5 }),
    start: artifactOf("draft"),
    reference: earlier({ step: 1 }),
  }
  expect(await refused({ arms: { all, compared } })).toContain("an earlier checkpoint of the drafts' start")
  expect(await refused({ measures: [accuracy({ objective: nextToken() })], measure: { prompts: 6 } })).toContain(
    "the best of several arms",
  )
  const few = { ...experiment, ...start({ scores: { tmi: tmiKnn() }, perClass: 2 }) } as Experiment
  const planned = Effect.runPromise(Effect.flip(Effect.flatMap(resolve(few), (r) => graphOf(r))))
  expect((await planned).message).toContain("score tmi reads")
})
