/** The readings of a finished run: they agree with what the run itself recorded and counted. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { topFraction } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { Effect, Exit, Layer } from "effect"
import { graphOf } from "../../test/graph.ts"
import { runDistillation } from "../../test/run-distillation.ts"
import { tiny } from "../../test/tiny.ts"
import { resolve } from "../experiment/resolve.ts"
import { applySettings } from "../experiment/settings.ts"
import { Families } from "../families.ts"
import { Progress } from "../progress.ts"
import { readKept } from "../stages/kept.ts"
import type { Figures } from "../stages/measure.ts"
import { readProbe } from "../stages/probe.ts"
import { readRollouts } from "../stages/rollouts.ts"
import { Store } from "../store/store.ts"
import { pageOf, snapshotAt, type Texts } from "./browser/data.ts"
import { roles } from "./constants.ts"
import type { TokensDocument } from "./document.ts"
import { type TokensRequest, tokensOf } from "./of-run.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-tokens-"))
afterAll(() => rmSync(home, { recursive: true }))
const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent)
const found = { slug: "000-tiny", file: join(import.meta.dir, "../../test/tiny-experiment.ts") }
const settings = ["stability.tokens=60", "stability.at=[0,0.5,1]", "seeds=[1]"]
const resolved = Effect.flatMap(applySettings(tiny, settings), (e) => resolve(e))

const ask = (request: Partial<TokensRequest> = {}) =>
  tokensOf({ directory, home, prompts: 6, found, ...request }).pipe(Effect.provide(layers))

let directory = ""
let document: TokensDocument
let artifacts: {
  readonly texts: ReadonlyArray<{ readonly prompt: Int32Array; readonly tokens: Int32Array }>
  readonly kept: ReadonlyArray<string>
  readonly probe: Effect.Success<ReturnType<typeof readProbe>>
  readonly figures: Figures
}

beforeAll(async () => {
  const ran = Effect.gen(function* () {
    const experiment = yield* resolved
    const finished = yield* runDistillation(experiment, { slug: "000-tiny", results: join(home, "results") })
    const graph = yield* Effect.provideService(graphOf(experiment), Families, experiment.families)
    const store = yield* Store
    const behind = graph.measured.find(({ name }) => name === "behind")!
    const artifact = ({ kind, key }: { readonly kind: string; readonly key: string }) => store.find(kind, key)!
    return {
      directory: finished.directory,
      texts: yield* readRollouts(artifact(graph.rollouts!.greedy)),
      kept: yield* readKept(artifact(behind.kept!)),
      probe: yield* readProbe(artifact(behind.trained)),
      figures: JSON.parse(readFileSync(join(artifact(behind.measure!).directory, "figures.json"), "utf8")) as Figures,
    }
  })
  const { directory: folder, ...rest } = await Effect.runPromise(ran.pipe(Effect.provide(layers)))
  directory = folder
  artifacts = rest
  const tensors = tf.memory().numTensors
  document = await Effect.runPromise(ask())
  expect(tf.memory().numTensors).toBe(tensors)
})

const setOf = (i: number): Texts => pageOf(document).sets[i]!
const armOf = (texts: Texts, name: string) => texts.arms.find((arm) => arm.name === name)!

test("the page has the target's answers and the recorded tokens, both arms on each", () => {
  const [answers, probe] = [setOf(0), setOf(1)]
  expect(document.sets.map(({ name, arms }) => [name, arms.map(({ name }) => name)])).toEqual([
    ["answers", ["all", "behind"]],
    ["probe", ["all", "behind"]],
  ])
  expect([...answers.tokens]).toEqual(artifacts.texts.flatMap(({ tokens }) => [...tokens]))
  expect([...answers.prompts[0]!]).toEqual([...artifacts.texts[0]!.prompt])
  expect(probe.N).toBeGreaterThanOrEqual(60)
})

test("the choice before the first step is the one that the run's own division has", () => {
  const answers = setOf(0)
  const { kept } = snapshotAt(armOf(answers, "behind"), 0)
  expect([...kept!].join("")).toBe(artifacts.kept.join(""))
  const all = snapshotAt(armOf(answers, "all"), 1).kept!
  expect(all.every((one) => one === 1)).toBe(true)
})

test("recorded choices are there at each step, and follow from the statistics that the page computes", () => {
  const probe = setOf(1)
  const arm = armOf(probe, "behind")
  expect(arm.snapshots.map(({ step }) => step)).toEqual([0, 3, 6])
  for (const [i, { kept_N }] of artifacts.probe.entries()) expect(arm.snapshots[i]!.kept).toEqual(kept_N)
  expect(arm.snapshots[1]!.draft).toBeNull()
  for (const moment of [0, 1]) {
    const { statistics, kept } = snapshotAt(arm, moment)
    const [draft, reference] = [statistics.get("draftLoss_N")!, statistics.get("referenceLoss_N")!]
    const chosen: Array<number> = []
    for (let first = 0; first < probe.starts.length - 1; first += arm.batchSize) {
      const [from, end] = [
        probe.starts[first]!,
        probe.starts[Math.min(probe.starts.length - 1, first + arm.batchSize)]!,
      ]
      chosen.push(
        ...topFraction(
          draft.slice(from, end).map((x, n) => x - reference[from + n]!),
          0.5,
        ),
      )
    }
    expect([...kept!]).toEqual(chosen)
  }
})

test("verdicts add up to the counts behind the run's figures, text by text", () => {
  const answers = setOf(0)
  const { role, rejected, blocks } = armOf(answers, "behind").decoding!
  const { greedyCounts } = artifacts.figures.lengths.find(({ gamma }) => gamma === 2)!
  for (const [i, counts] of greedyCounts.entries()) {
    const [from, end] = [answers.starts[i]!, answers.starts[i + 1]!]
    const of = (name: (typeof roles)[number]) => role.slice(from, end).filter((r) => r === roles.indexOf(name)).length
    expect([of("accepted"), of("corrected")]).toEqual([counts.accepted, counts.rejected])
    expect(blocks.filter((block) => block.from >= from && block.from < end).length).toBe(counts.blocks)
  }
  for (const [n, r] of role.entries()) expect(rejected[n] !== 0xffff_ffff).toBe(roles[r] === "corrected")
  for (const [n, r] of role.entries()) if (roles[r] === "corrected") expect(rejected[n]).not.toBe(answers.tokens[n])
})

test("top tokens are sorted probabilities, the draft's verdicts are its first ones, acceptance is in its range", () => {
  const answers = setOf(0)
  const arm = armOf(answers, "behind")
  const { draft, acceptance } = snapshotAt(arm, 1)
  for (const reading of [draft!, answers.target!])
    for (let n = 0; n < answers.N; n++) {
      const top = reading.probabilities.slice(n * reading.k, (n + 1) * reading.k)
      expect([...top]).toEqual([...top].toSorted((a, b) => b - a))
      expect(top.reduce((a, b) => a + b)).toBeLessThanOrEqual(1 + 1e-5)
      const at = reading.ids.slice(n * reading.k, (n + 1) * reading.k).indexOf(answers.tokens[n]!)
      if (at >= 0) expect(-Math.log(top[at]!)).toBeCloseTo(reading.nll[n]!, 4)
    }
  // The target wrote the text greedily.
  for (let n = 0; n < answers.N; n++) expect(answers.target!.ids[n * answers.target!.k]).toBe(answers.tokens[n]!)
  for (const [n, role] of arm.decoding!.role.entries()) {
    if (roles[role] === "accepted") expect(draft!.ids[n * draft!.k]).toBe(answers.tokens[n]!)
    if (roles[role] === "corrected") expect(draft!.ids[n * draft!.k]).toBe(arm.decoding!.rejected[n]!)
  }
  expect(acceptance!.every((a) => a >= 0 && a <= 1 + 1e-6)).toBe(true)
})

test("acceptance and losses are those of the statistics that filters read", async () => {
  const { statistics } = await Effect.runPromise(
    Effect.provide(
      Effect.gen(function* () {
        const { probeStatistics } = yield* Effect.promise(() => import("./statistics.fixture.ts"))
        return yield* probeStatistics(home, yield* resolved, "behind", setOf(0))
      }),
      layers,
    ),
  )
  const { draft, acceptance } = snapshotAt(armOf(setOf(0), "behind"), 1)
  for (const [name, value_N] of [
    ["draftNll_N", draft!.nll],
    ["targetNll_N", setOf(0).target!.nll],
    ["acceptance_N", acceptance!],
  ] as const)
    for (const [n, value] of statistics.get(name)!.entries()) expect(value).toBeCloseTo(value_N[n]!, 4)
})

test("a page is computed once; wrong names and lost artifacts are refused, and nothing is trained for a page", async () => {
  const message = async (request: Partial<TokensRequest>) => {
    const exit = await Effect.runPromise(Effect.exit(ask(request)))
    return Exit.isFailure(exit) ? String(exit.cause) : "no error"
  }
  const again = await Effect.runPromise(ask({ arms: ["behind"] }))
  expect(again.sets[0]!.arms).toEqual(document.sets[0]!.arms.slice(1))
  // Fewer texts than a batch has: the filter still decides among the whole batch.
  const fewer = pageOf(await Effect.runPromise(ask({ arms: ["behind"], prompts: 3 }))).sets[0]!
  const { kept } = snapshotAt(fewer.arms[0]!, 0)
  expect([...kept!].join("")).toBe(artifacts.kept.slice(0, 3).join(""))
  expect(await message({ arms: ["behnd"] })).toContain("did you mean behind?")
  expect(await message({ seed: 7 })).toContain("has no seed 7; it has 1")
  const elsewhere = join(home, "elsewhere")
  const lost = await message({ home: elsewhere })
  expect(lost).toContain("is not in the store")
  expect(lost).toContain("--repeat")
  expect(existsSync(join(elsewhere, "artifacts", "arm"))).toBe(false)
})
