/** `winnow rank starts` and `rank layers` on experiments outside of the checkout: scores alone, the whole study, refusals. */
import { expect, test } from "bun:test"
import { existsSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { hostedCli, runCli } from "./run-cli.fixture.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-rank-"))
const file = join(home, "starts.ts")
writeFileSync(
  file,
  `import { none } from "@winnow/filter-none"
import { arm, byte, defineExperiment, fresh, ranking } from "@winnow/lab"
import { kl } from "@winnow/loss-kl"
import { llama } from "@winnow/model-llama"
import { perplexity } from "@winnow/score-perplexity"
import { tmiKnn } from "@winnow/score-tmi-knn"
import { arithmetic } from "@winnow/task-arithmetic"

const model = (hidden_size: number) =>
  llama({ vocab_size: 257, hidden_size, num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 256 })
const budget = { filter: none(), loss: kl(), steps: 2, batchSize: 4 } as const
const start = (steps: number) => fresh(model(8), { steps, batchSize: 4 })

export default defineExperiment({
  name: "ages",
  question: "Which age?",
  task: arithmetic({ train: 200, validation: 40, test: 20 }),
  tokenizer: byte(),
  maxLength: 250,
  target: fresh(model(16), { steps: 4, batchSize: 4 }),
  draft: { start: start(1) },
  arms: { young: arm({ ...budget, start: start(2) }), old: arm({ ...budget, start: start(4) }) },
  study: ranking({ scores: { tmi: tmiKnn(), perplexity: perplexity() }, perClass: 4, tokens: 500, layers: "all", labels: "gold" }),
  seeds: [1],
  measure: { prompts: 4, maxNew: 8, timedPrompts: 1 },
})
`,
)

const env = { WINNOW_HOME: home, NO_COLOR: "1" }
const hosted = hostedCli()
const rank = (...args: ReadonlyArray<string>) => hosted(["rank", "starts", ...args], env)

test("scores alone write no results and train no arm; the whole study adds what was reached", async () => {
  const results = join(home, "results")
  const scored = await rank(file, "--scores-only", "--results", results)
  expect([scored.code, existsSync(results)]).toEqual([0, false])
  expect(scored.out).toStartWith("Starts by tmi, the most promising first:\n")
  expect(scored.out).toMatch(/^old +\d +-?\d/m)
  expect(scored.out).toContain("Starts by perplexity, the most promising first:")
  expect(scored.out).not.toContain("reached")
  const elsewhere = { WINNOW_HOME: join(home, "elsewhere"), NO_COLOR: "1" }
  const alone = await hosted(["rank", "starts", file, "--scores-only", "--launcher", "local"], elsewhere)
  expect(alone.out).toBe(scored.out)
  const json = await rank(file, "--scores-only", "--json")
  const { tables } = JSON.parse(json.out) as { tables: ReadonlyArray<{ name: string }> }
  expect(tables.map(({ name }) => name)).toEqual(["by-tmi", "by-perplexity"])

  const whole = await runCli(["rank", "starts", file, "--results", results, "--jobs", "1"], env)
  expect(whole.code).toBe(0)
  expect(whole.out).toStartWith("tmi has Kendall's tau ")
  expect(whole.out).toContain("Scores of 2 starts, and the greedy acceptance that the starts reached:")
  expect(whole.out).toContain("reached %")
  expect(whole.out).not.toContain("What the target accepted")
  for (const line of whole.out.split("\n").filter((line) => /^(start|score|old|young|tmi) {2}/.test(line)))
    expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80)
})

test("an experiment without a ranking is refused, with those that have one", async () => {
  const { code, err } = await rank("quickstart")
  expect(code).toBe(1)
  expect(err).toContain("rank starts quickstart: it has no study, and expected is ranking; there are: 006-three-starts")
})

const ofLayers = join(home, "layers.ts")
writeFileSync(
  ofLayers,
  `import { none } from "@winnow/filter-none"
import { capital, mlp } from "@winnow/head-mlp"
import { arm, byte, defineExperiment, fresh, head, layers } from "@winnow/lab"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { accuracy } from "@winnow/measure-accuracy"
import { llama } from "@winnow/model-llama"
import { wholeText } from "@winnow/objective-whole-text"
import { knn } from "@winnow/score-knn"
import { logitLens } from "@winnow/score-logit-lens"
import { arithmetic } from "@winnow/task-arithmetic"

const model = llama({ vocab_size: 257, hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, max_position_embeddings: 256 })
const objective = wholeText()
const on = (layer: number | "last") => head(mlp({ variable: capital(), layer, layers: 0 }))
const budget = { filter: none(), loss: crossEntropy(), objective, steps: 2, batchSize: 4 }

export default defineExperiment({
  name: "layers",
  question: "Which layer?",
  task: arithmetic({ train: 60, validation: 40, test: 20 }),
  tokenizer: byte(),
  maxLength: 250,
  target: fresh(model, { steps: 4, batchSize: 4 }),
  draft: { start: on(0) },
  arms: { first: arm({ ...budget, start: on(0) }), middle: arm({ ...budget, start: on(1) }), last: arm({ ...budget, start: on("last") }) },
  study: layers({ scores: { knn: knn(), "logit-lens": logitLens() }, reached: accuracy({ objective }), perClass: 8, tokens: 500 }),
  measures: [accuracy({ objective })],
  seeds: [1],
  measure: { prompts: 4 },
})
`,
)

test("layers: scores alone, then beside what the heads reached; a ranking of starts is none of them", async () => {
  const results = join(home, "results-of-layers")
  const layers = (...args: ReadonlyArray<string>) => hosted(["rank", "layers", ...args], env)
  const scored = await layers(ofLayers, "--scores-only", "--results", results, "--jobs", "1")
  expect([scored.code, existsSync(results)]).toEqual([0, false])
  expect(scored.out).toStartWith("Layers under capital:\n")
  expect(scored.out).toMatch(/^0 +\d/m)
  const whole = await layers(ofLayers, "--results", results, "--jobs", "1")
  expect([whole.code, whole.err.includes("error")]).toEqual([0, false])
  expect(whole.out).toStartWith("knn has Kendall's tau ")
  expect(whole.out).toContain("Scores of layers, and the accuracy that heads on them reached:")
  expect(whole.out).toContain("a head on the last layer")
  expect(whole.out).not.toContain("Differences")
  for (const line of whole.out.split("\n").filter((line) => /^(layer|score|head|capital|knn|\d) {2}/.test(line)))
    expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80)
  const other = await layers(file)
  expect([other.code, other.err.includes("it has the study ranking, and expected is layers")]).toEqual([1, true])
})
