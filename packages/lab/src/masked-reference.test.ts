/** An encoder as the reference of a filter whose draft predicts the next token: live, cached, measured, refused. */
import { beforeAll, expect, test } from "bun:test"
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { llama } from "@winnow/model-llama"
import { masked } from "@winnow/objective-masked"
import { bothWays } from "@winnow/testing"
import { Effect } from "effect"
import { graphOf } from "../test/graph.ts"
import { sizesOf } from "../test/masked-experiment.ts"
import { runLayers } from "../test/run-layers.ts"
import { behind, everything, squares, tiny } from "../test/tiny.ts"
import { arm, type Experiment } from "./experiment/define.ts"
import { resolve } from "./experiment/resolve.ts"
import { trained } from "./experiment/spec.ts"
import { fresh } from "./experiment/start.ts"
import { runExperiment } from "./run.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-masked-reference-"))
const model = (hidden_size: number) =>
  llama({
    ...{ vocab_size: 320, hidden_size, num_hidden_layers: 1, num_attention_heads: 2 },
    max_position_embeddings: 32,
  })
const budget = { steps: 6, batchSize: 4, optimizer: { warmup: 2 } }
const objective = masked({ maskId: 257 })
const encoder = trained({
  start: fresh(bothWays(sizesOf(16))),
  ...budget,
  objective,
  masking: { maskId: 257, every: 3 },
})
const ofEncoder = { filter: behind({ k: 0.5 }), loss: squares(), ...budget, reference: encoder }
const experiment: Experiment = {
  ...tiny,
  target: fresh(model(32), { steps: 20, batchSize: 8, optimizer: { learningRate: 0.01, warmup: 5 } }),
  draft: { start: fresh(model(8)) },
  arms: {
    all: arm({ filter: everything(), loss: squares(), ...budget }),
    encoder: arm(ofEncoder),
    cached: arm({ ...ofEncoder, signals: { target: "live", reference: "cached" } }),
  },
  seeds: [1],
  plugins: [everything, behind, squares, llama, bothWays],
}
const run = Effect.flatMap(resolve(experiment), (r) =>
  runExperiment(r, { slug: "000-masked-reference", results: join(home, "results") }),
)
const refusal = async (reference: Experiment["reference"]) => {
  const of = { ...experiment, arms: { encoder: arm({ ...ofEncoder, reference: reference! }) } }
  return (await Effect.runPromise(Effect.flip(Effect.flatMap(resolve(of as Experiment), (r) => graphOf(r))))).message
}

let written: {
  readonly missing: unknown
  readonly weights: ReadonlyArray<{ readonly name: string; readonly sha256: unknown }>
}
beforeAll(async () => {
  const { directory } = await Effect.runPromise(Effect.provide(run, runLayers(home)))
  written = JSON.parse(readFileSync(join(directory, "run.json"), "utf8"))
})

test("arms train against it, from a cache bit by bit as live; an arm of all tokens has other weights", () => {
  expect(written.missing).toEqual([])
  const of = (name: string) => written.weights.find((one) => one.name === name)!.sha256
  expect(of("cached")).toEqual(of("encoder"))
  expect(of("encoder")).not.toEqual(of("all"))
})

test("how it is asked is part of the keys of the arm and of its cache, and its passes are in the cost", async () => {
  const graph = async (every: number) => {
    const other = { ...ofEncoder, reference: trained({ ...encoder, masking: { maskId: 257, every } } as never) }
    const arms = {
      encoder: arm(other),
      cached: arm({ ...other, signals: { target: "live" as const, reference: "cached" as const } }),
    }
    const { measured } = await Effect.runPromise(Effect.flatMap(resolve({ ...experiment, arms }), (r) => graphOf(r)))
    return new Map(measured.map((one) => [one.name, one]))
  }
  const [three, five] = [await graph(3), await graph(5)]
  expect(five.get("encoder")!.trained.key).not.toBe(three.get("encoder")!.trained.key)
  expect(five.get("cached")!.signals[0]!.key).not.toBe(three.get("cached")!.signals[0]!.key)
  expect(five.get("encoder")!.reference!.key).toBe(three.get("encoder")!.reference!.key)
  expect(five.get("encoder")!.trained.work.flops!).toBeGreaterThan(three.get("encoder")!.trained.work.flops!)
})

test("an encoder that is not asked by masks and a decoder that is are refused", async () => {
  const { masking: _, ...unasked } = encoder as typeof encoder & { masking: unknown }
  expect(await refusal(unasked as typeof encoder)).toContain(
    "the reference of arms.encoder: both_ways attends both ways",
  )
  const decoder = trained({ ...budget, masking: { maskId: 257 } })
  expect(await refusal(decoder)).toContain("masking: llama reads what is before and needs no mask")
})
