/**
 * Trainings of a part of the draft: frozen parameters and adapters, from the experiment's text to artifact, record and
 * table.
 */
import { expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { readSafetensors } from "@winnow/models"
import { Effect, Layer } from "effect"
import { graphOf } from "../test/graph.ts"
import { runDistillation } from "../test/run-distillation.ts"
import { everything, squares, tiny } from "../test/tiny.ts"
import { arm, type Experiment } from "./experiment/define.ts"
import { fromConfig } from "./experiment/from-config.ts"
import { registryOf } from "./experiment/registry.ts"
import { resolve } from "./experiment/resolve.ts"
import { applySettings } from "./experiment/settings.ts"
import { artifactOf } from "./experiment/start.ts"
import { lora, privatePart } from "./experiment/training-spec.ts"
import { Progress } from "./progress.ts"
import { inOrder } from "./stage.ts"
import { Store } from "./store/store.ts"
import { caption } from "./table/caption.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-parts-"))
const layers = Layer.mergeAll(Store.layer(home), datasetsLayer({ folder: undefined }), Progress.silent)
const common = { filter: everything(), loss: squares(), steps: 3, batchSize: 4, optimizer: { warmup: 2 } }
const experiment: Experiment = {
  ...tiny,
  arms: {
    all: arm(common),
    frozen: arm({ ...common, frozen: ["embedding", "head"] }),
    lora: arm({ ...common, adapters: lora({ rank: 2, alpha: 4, on: ["q_proj", "up_proj"] }) }),
    private: arm({ ...common, adapters: privatePart({ size: 3 }) }),
    further: arm({ ...common, start: artifactOf({ arm: "private" }), frozen: ["*.private.*"] }),
  },
  seeds: [1],
}
const settings = ["target.pretraining.steps=6"]
const resolved = (...more: ReadonlyArray<string>) =>
  Effect.flatMap(applySettings(experiment, [...settings, ...more]), (e) => resolve(e))
const keysOf = async (of: Experiment) => {
  const graph = await Effect.runPromise(Effect.flatMap(resolve(of), graphOf).pipe(Effect.provide(layers)))
  return new Map(inOrder(graph.leaves).map(({ label, key }) => [label, key]))
}

test("frozen parameters keep the start's bits, adapters are saved merged and alone, counts are in record and table", async () => {
  const { record, graph } = await Effect.runPromise(
    Effect.gen(function* () {
      const use = yield* resolved()
      const { record } = yield* runDistillation(use, { slug: "000-parts", results: join(home, "results") })
      return { record, graph: yield* graphOf(use) }
    }).pipe(Effect.provide(layers)),
  )
  const weights = (label: string, file = "model.safetensors") => {
    const { kind, key } = inOrder(graph.leaves).find((s) => s.label === label)!
    return readSafetensors(join(home, "artifacts", kind, key, file))
  }
  const start = weights("draft start, seed 1")
  const moved = (label: string) =>
    [...weights(label)].flatMap(([name, { data }]) =>
      Buffer.compare(Buffer.from(data.buffer), Buffer.from(start.get(name)!.data.buffer)) === 0 ? [] : [name],
    )
  const ends = (names: ReadonlyArray<string>) => names.map((name) => name.split(".").at(-2)!).toSorted()
  expect(moved("arm all, seed 1")).toHaveLength(start.size)
  const left = [...start.keys()].filter((name) => !moved("arm frozen, seed 1").includes(name))
  expect(left.toSorted()).toEqual(["lm_head.weight", "model.embed_tokens.weight"])
  expect(ends(moved("arm lora, seed 1"))).toEqual(["q_proj", "up_proj"])
  expect(weights("arm lora, seed 1", "adapter/adapter_model.safetensors").size).toBe(4)
  // A private part is in the model and alone; an arm that begins with it has its parameters too.
  const own = weights("arm private, seed 1", "adapter/private.safetensors")
  const whole = weights("arm private, seed 1")
  expect([...own.keys()].every((name) => name.includes(".private."))).toBe(true)
  expect(whole.size).toBe(start.size + own.size)
  for (const [name, { data }] of start) expect(whole.get(name)!.data).toEqual(data)
  for (const [name, { data }] of own) {
    expect(whole.get(name)!.data).toEqual(data)
    expect(weights("arm further, seed 1").get(name)!.data).toEqual(data)
    expect(data.some((x) => x !== 0)).toBe(true)
  }

  const counts = Object.fromEntries(record.rows.map(({ name, budget }) => [name, budget[0]!.arm.trainedParameters]))
  // d = 8, m = 24: r (e + d) a matrix; 2 V d less than all
  expect(counts).toMatchObject({
    lora: 2 * (8 + 8) + 2 * (24 + 8),
    private: 3 * 3 * 8 + 2 * 8,
    frozen: record.draftParameters - 2 * 257 * 8,
  })
  expect(counts["all"]).toBeUndefined()
  expect(caption(record).find((line) => line.startsWith("Trained in part"))).toMatch(
    /^Trained in part: frozen .*, lora 96, private 88, further .* of .* parameters\.$/,
  )
  const flops = Object.fromEntries(record.rows.map(({ name, budget }) => [name, budget[0]!.arm.flops]))
  expect(flops["frozen"]!).toBeLessThan(flops["all"]!)
  expect(flops["lora"]!).toBeLessThan(flops["all"]!)
})

test("keys know the part; an experiment rebuilt from its config has the same", async () => {
  const keys = await keysOf(experiment)
  expect(keys.get("arm all, seed 1")).not.toBe(keys.get("arm frozen, seed 1"))
  expect(keys.get("arm all, seed 1")).not.toBe(keys.get("arm lora, seed 1"))
  const { config } = await Effect.runPromise(resolve(experiment))
  const again = await Effect.runPromise(fromConfig(JSON.parse(JSON.stringify(config)), registryOf(experiment)))
  expect(await keysOf(again)).toEqual(keys)
})

test("names of nothing are refused before any work, from --set too", async () => {
  const refused = async (...more: ReadonlyArray<string>) => {
    const program = Effect.flatMap(resolved(...more), graphOf).pipe(Effect.provide(layers))
    return (await Effect.runPromise(Effect.flip(program))).message
  }
  expect(await refused('arms.frozen.frozen=["heads"]')).toContain(
    'arm frozen, seed 1: frozen: "heads" names no parameter of llama; expected embedding, head, or a pattern',
  )
  expect(await refused('arms.lora.adapters.on=["query"]')).toContain(
    'arm lora, seed 1: adapters: "query" names no linear layer of llama; there are model.layers.*.self_attn.q_proj',
  )
  expect(await refused('arms.lora.frozen=["head"]')).toContain("it is set beside adapters")
  expect(await refused("arms.lora.adapters.rank=0")).toContain("adapters.rank must be at least 1 (was 0)")
  expect(await refused("arms.lora.adapters.dropout=0.1")).toContain("adapters has no dropout; it has")
  expect(await refused('draft.start.pretraining.frozen=["*"]')).toContain("nothing is left to train")
})
