/** Heads that read off variables, as arms: which are told by the target's states, which need their past, which by nothing. */
import { beforeAll, expect, test } from "bun:test"
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { defineTask } from "@winnow/core"
import { datasetsLayer } from "@winnow/data"
import { distanceToEnd, mlp, noise, runningParity, targetLoss, tokenKind } from "@winnow/head-mlp"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { kl } from "@winnow/loss-kl"
import { absoluteError } from "@winnow/measure-absolute-error"
import { accuracy } from "@winnow/measure-accuracy"
import { agreement } from "@winnow/measure-agreement"
import { drift } from "@winnow/measure-drift"
import { heldOutLoss } from "@winnow/measure-held-out-loss"
import { llama } from "@winnow/model-llama"
import { seeded } from "@winnow/numerics"
import { wholeText } from "@winnow/objective-whole-text"
import { type } from "arktype"
import { Effect, Layer } from "effect"
import { everything, tiny } from "../test/tiny.ts"
import { arm, defineExperiment, type Experiment } from "./experiment/define.ts"
import { fromConfig } from "./experiment/from-config.ts"
import { registryOf } from "./experiment/registry.ts"
import { resolve } from "./experiment/resolve.ts"
import { fresh, head } from "./experiment/start.ts"
import { Progress } from "./progress.ts"
import { type MeasuresRecord, measuresRecord } from "./record/measures-schema.ts"
import { type Finished, runExperiment } from "./run.ts"
import { Store } from "./store/store.ts"
import type { TableFigure } from "./study/table.ts"
import { variables } from "./study/variables.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-variables-"))

/** Twelve letters and digits: a digit follows each vowel, the letters are random. */
const vowels = defineTask({
  name: "vowels",
  options: type({ "+": "reject" }),
  make: () => {
    const rng = seeded(5, "vowels")
    const examples = Array.from({ length: 90 }, () => {
      let text = ""
      while (text.length < 12) {
        const letter = "aeioubcdfg"[rng.below(10)]!
        text += "aeiou".includes(letter) ? `${letter}${rng.below(10)}` : letter
      }
      return { prompt: `${text.slice(0, 2)}`, answer: text.slice(2, 12) }
    })
    const parts = { train: examples.slice(0, 60), validation: examples.slice(60, 70), test: examples.slice(70) }
    return Effect.succeed({ examples: (split: keyof typeof parts) => parts[split], sharesPrompts: true })
  },
})

const target = llama({
  ...{ vocab_size: 257, hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2 },
  max_position_embeddings: 32,
})
const budget = { batchSize: 12, optimizer: { learningRate: 0.01, warmup: 5 }, steps: 120 }
const training = { ...budget, filter: everything(), loss: crossEntropy(), objective: wholeText() }
const of = (variable: Parameters<typeof mlp>[0]["variable"], more: { previous?: boolean; bins?: number } = {}) =>
  head(mlp({ variable, layers: 1, width: 32, ...more }))
const objective = wholeText()

const experiment = defineExperiment({
  name: "variables",
  question: "Which variables do the target's states tell?",
  task: vowels(),
  tokenizer: tiny.tokenizer,
  maxLength: 16,
  target: fresh(target, { steps: 120, batchSize: 12, optimizer: { learningRate: 0.01, warmup: 5 }, objective }),
  draft: { start: of(tokenKind()) },
  arms: {
    kind: arm(training),
    memory: arm({ ...training, start: of(runningParity({ letter: "a" })) }),
    antecedent: arm({ ...training, start: of(runningParity({ letter: "a" }), { previous: true }) }),
    noise: arm({ ...training, start: of(noise()) }),
    whole: arm({
      ...training,
      start: head(mlp({ variable: tokenKind(), layers: 1, width: 32 }), { trunk: "trained" }),
    }),
  },
  about: "kind",
  seeds: [1],
  measures: [accuracy({ objective }), heldOutLoss({ objective }), drift({ objective })],
  study: variables({ reached: accuracy({ objective }) }),
  measure: { prompts: 20 },
  plugins: [mlp, llama, vowels],
})

const runIn = (folder: string, of: Experiment = experiment) =>
  Effect.flatMap(resolve(of), (r) =>
    runExperiment(r, { slug: "000-variables", results: join(folder, "results") }),
  ).pipe(
    Effect.provide(Layer.merge(datasetsLayer({ folder: undefined }), Store.layer(folder))),
    Effect.provideService(Progress, { report: () => {} }),
  )

let whole: Finished
let record: MeasuresRecord
beforeAll(async () => {
  whole = await Effect.runPromise(runIn(home))
  record = measuresRecord.assert(JSON.parse(readFileSync(join(whole.directory, "run.json"), "utf8")))
})

const figureOf = (row: string, column: string, table = "measures"): number =>
  (
    record.tables.find(({ name }) => name === table)!.rows.find(({ name }) => name === row)!.cells[
      column
    ] as TableFigure
  ).value!

test("a variable of the next token is read off; a memory only with its previous value; noise by nothing", () => {
  expect(figureOf("kind", "accuracy")).toBeGreaterThan(0.9)
  expect(figureOf("antecedent", "accuracy")).toBeGreaterThan(0.95)
  expect(figureOf("memory", "accuracy")).toBeLessThan(0.85)
  expect(figureOf("noise", "accuracy")).toBeLessThan(0.7)
  // Classes of 0.6, 0.3 and 0.1 have an entropy of 0.9 nats: nobody is below it for long.
  expect(figureOf("noise", "held-out-loss")).toBeGreaterThan(0.85)
})

test("the figures of heads count their own parameters, and no product with a vocabulary", () => {
  expect(record.arms.draftParameters).toBe(32 * 32 + 32 + 7 * 33)
  const rows = new Map(record.arms.rows.map((row) => [row.name, row.budget[0]!.arm.flops]))
  expect(rows.get("antecedent")! - rows.get("memory")!).toBeGreaterThan(0)
})

test("full fine-tuning moves the target's own predictions, a head on a frozen target none of them", () => {
  expect(figureOf("whole", "accuracy")).toBeGreaterThan(0.9)
  expect(figureOf("whole", "drift")).toBeGreaterThan(0.01)
  for (const name of ["kind", "antecedent", "noise"]) expect(figureOf(name, "drift")).toBe(0)
  const rows = new Map(record.arms.rows.map((row) => [row.name, row.budget[0]!.arm.flops]))
  expect(rows.get("whole")! / rows.get("kind")!).toBeGreaterThan(1.5)
  expect(record.arms.rows.find(({ name }) => name === "whole")!.from).toBe("head mlp on a trained copy of the target")
})

test("the study: skill beside what the next token tells, the previous value, full fine-tuning", () => {
  expect(record.study).toBe("variables")
  expect(record.tables.slice(0, 3).map(({ name }) => name)).toEqual(["variables", "previous", "costs-of-full"])
  expect(figureOf("token-kind", "told", "variables")).toBeCloseTo(1, 6)
  expect(Math.abs(figureOf("noise", "told", "variables"))).toBeLessThan(0.1)
  expect(figureOf("token-kind", "frozen", "variables")).toBeGreaterThan(0.7)
  expect(figureOf("noise", "frozen", "variables")).toBeLessThan(0.15)
  expect(figureOf("running-parity", "previous", "previous")).toBeGreaterThan(0.9)
  expect(figureOf("token-kind", "flops", "costs-of-full")).toBeLessThan(0.7)
  expect([
    figureOf("token-kind", "frozenDrift", "costs-of-full") === 0,
    figureOf("token-kind", "drift", "costs-of-full") > 0.01,
  ]).toEqual([true, true])
  expect(record.verdict).toMatch(
    /^A frozen head's skill follows the share that the next token tells: Spearman's rho .*; 3 variables, 1 seed/,
  )
  expect(record.conclusions.join("\n")).toContain("below 0.5 without: running-parity.")
})

test("an experiment rebuilt from its config is the same run", async () => {
  const { config } = await Effect.runPromise(resolve(experiment))
  const rebuilt = await Effect.runPromise(fromConfig(JSON.parse(JSON.stringify(config)), registryOf(experiment)))
  const again = await Effect.runPromise(runIn(home, rebuilt))
  expect([again.computed, again.directory]).toEqual([0, whole.directory])
})

test("a number in bins has an error in its own unit", async () => {
  const { study } = await Effect.runPromise(
    runIn(home, {
      ...experiment,
      arms: { end: arm({ ...training, steps: 40, start: of(distanceToEnd({ longest: 12 }), { bins: 12 }) }) },
      measures: [absoluteError({ objective })],
      about: "end",
    }),
  )
  const found = measuresRecord.assert(JSON.parse(JSON.stringify(study)))
  const { value } = found.tables.find(({ name }) => name === "measures")!.rows.find(({ name }) => name === "end")!
    .cells["absolute-error"] as TableFigure
  // Letters: 3 is the mean distance from the middle, which a head that has learnt little comes near to.
  expect(value).toBeWithin(1.5, 3.3)
})

test("the target's own loss is a variable: a head tells it from the state before a token, in nats", async () => {
  const { study } = await Effect.runPromise(
    runIn(home, {
      ...experiment,
      arms: { loss: arm({ ...training, steps: 40, start: of(targetLoss({ most: 6 }), { bins: 12 }) }) },
      measures: [absoluteError({ objective })],
      about: "loss",
    }),
  )
  const found = measuresRecord.assert(JSON.parse(JSON.stringify(study)))
  const cellsOf = (table: string, row: string) =>
    found.tables.find(({ name }) => name === table)!.rows.find(({ name }) => name === row)!.cells
  expect((cellsOf("measures", "loss")["absolute-error"] as TableFigure).value).toBeLessThan(1.5)
  // The facts of the variable come from the target's losses too: its token tells some of them, not all.
  const told = (cellsOf("variables", "target-loss")["told"] as TableFigure).value!
  expect(told).toBeGreaterThan(0)
  expect(told).toBeLessThan(1)
})

test("losses and measures that read the target's tokens are refused before any work", async () => {
  const arms = { kl: arm({ ...training, loss: kl() }) }
  const problem = resolve({ ...experiment, arms, about: "kl", measures: [agreement({ objective })] })
  const { message } = await Effect.runPromise(Effect.flip(problem))
  expect(message).toContain(
    "arms.kl: head mlp predicts classes of its own, and the target has no distribution over them",
  )
  expect(message).toContain("measures: measure agreement compares with the target's tokens")
})

test("decoding is refused: classes propose no tokens, a trained copy is no target to draft for", async () => {
  const { study: _, measure: __, ...rest } = experiment
  const { message } = await Effect.runPromise(Effect.flip(resolve({ ...rest, measures: ["acceptance"] })))
  expect(message).toContain("draft.start: head mlp predicts classes of its own and proposes no tokens")
  expect(message).toContain("arms.whole.start.trunk: head mlp would read a trained copy of the target")
})
