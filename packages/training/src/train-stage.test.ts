/** A stage resumes to the same weights, stops at a loss that is not finite, and leaves no tensor. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { armLayer, type Decoder, defineFilter, draftModel, type Filter, type Loss, type Reference } from "@winnow/core"
import { type BatchSource, batches } from "@winnow/data"
import { adaspec } from "@winnow/filter-adaspec"
import { focusFinetune } from "@winnow/filter-focus-finetune"
import { none } from "@winnow/filter-none"
import { random } from "@winnow/filter-random"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { kl } from "@winnow/loss-kl"
import { llama } from "@winnow/model-llama"
import { initialise } from "@winnow/models"
import { seeded, topFraction } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { Effect, Exit, Fiber, Layer } from "effect"
import type { TrainEvent } from "./events.ts"
import { earlierCheckpoint, frozenReference, frozenTarget, movingAverage } from "./reference.ts"
import { optimizerOptions } from "./schedule.ts"
import { type TrainOptions, trainStage } from "./train-stage.ts"

const sizes = {
  vocab_size: 29,
  hidden_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 24,
  max_position_embeddings: 32,
}
const architecture = Effect.runSync(llama(sizes).instance)
const rng = seeded(3, "examples")
const examples = Array.from({ length: 24 }, () => ({
  ids: Int32Array.from({ length: 6 + rng.below(6) }, () => rng.below(29)),
  promptLength: 2,
}))
const source = batches(examples, { batchSize: 4, seed: 1 })
const optimizer = optimizerOptions.assert({ learningRate: 0.01, warmup: 3, schedule: "cosine" })

let directory = ""
let models: Array<Decoder> = []
let tensors = 0
const model = (seed: number) => {
  const made = initialise(architecture, seed)
  models.push(made)
  return made
}
beforeEach(async () => {
  tensors = tf.memory().numTensors
  directory = await mkdtemp(join(tmpdir(), "winnow-stage-"))
})
afterEach(async () => {
  for (const made of models) made.dispose()
  models = []
  await rm(directory, { recursive: true, force: true })
  expect(tf.memory().numTensors).toBe(tensors)
})

type Arm = (draft: Decoder) => Layer.Layer<Filter | Loss, unknown>
const selective =
  (reference: (draft: Decoder) => Layer.Layer<Reference>): Arm =>
  (draft) =>
    armLayer(adaspec(), kl()).pipe(Layer.provide(Layer.merge(reference(draft), frozenTarget(model(90)))))
const plain: Arm = () => armLayer(none(), crossEntropy())

const weights = (m: Decoder) => Object.fromEntries([...m.parameters].map(([n, p]) => [n, Array.from(p.dataSync())]))
const stage = (draft: Decoder, arm: Arm, options: Partial<TrainOptions> = {}) =>
  trainStage({ stage: "test", model: draft, batches: source, steps: 12, optimizer, seed: 5, ...options }).pipe(
    Effect.provide(arm(draft)),
  )
const checkpoint = (identity = "a") => ({ directory, identity, everySeconds: 0 })

/** Runs `steps` steps, then interrupts, as Ctrl-C does. */
const interrupted = async (draft: Decoder, arm: Arm, steps: number, options: Partial<TrainOptions> = {}) => {
  let stop: (() => void) | undefined
  const fiber = Effect.runFork(
    stage(draft, arm, {
      ...options,
      onEvent: (event) => {
        if (event._tag === "step" && event.step === steps) stop!()
      },
    }),
  )
  stop = () => Effect.runFork(Fiber.interrupt(fiber))
  return Effect.runPromise(Fiber.await(fiber))
}

const arms: Record<string, Arm> = {
  "cross-entropy, all tokens": plain,
  "adaspec, frozen reference": selective(() => frozenReference(model(91))),
  "adaspec, moving average": selective((draft) => movingAverage(draft, 0.8)),
  "adaspec, earlier checkpoint": selective((draft) => earlierCheckpoint(draft, 3)),
  "random, kl": () => armLayer(random(), kl()).pipe(Layer.provide(frozenTarget(model(90)))),
}

/** Cases of resume: each arm on the usual batches, and one on others. */
const resumes: ReadonlyArray<readonly [name: string, arm: Arm, batches: BatchSource]> = [
  ...Object.entries(arms).map(([name, arm]) => [name, arm, source] as const),
  [
    "adaspec, packed rows in windows of 3",
    arms["adaspec, frozen reference"]!,
    batches(examples, { batchSize: 4, seed: 1, rows: "packed", bucket: 3 }),
  ],
]

describe("resume", () => {
  for (const [name, arm, from] of resumes)
    test(`${name}: interrupted twice, the weights are those of one run, bit by bit`, async () => {
      const whole = model(1)
      const summary = await Effect.runPromise(stage(whole, arm, { microBatches: 2, batches: from }))
      const options = { checkpoint: { ...checkpoint(), everySeconds: 3600 }, microBatches: 2, batches: from }
      for (const steps of [4, 9]) {
        const exit = await interrupted(model(1), arm, steps, options)
        expect(Exit.hasInterrupts(exit)).toBe(true)
      }
      const rest = model(1)
      const events: Array<TrainEvent> = []
      const resumed = await Effect.runPromise(stage(rest, arm, { ...options, onEvent: (e) => events.push(e) }))
      expect(events[0]).toMatchObject({ _tag: "resumed", step: 9 })
      expect(weights(rest)).toEqual(weights(whole))
      expect({ ...resumed, seconds: 0 }).toEqual({ ...summary, seconds: 0 })
    })

  test("a stage with averaged weights ends with the mean of its steps, and resumes with the steps' own weights", async () => {
    const averaged = { optimizer: { ...optimizer, average: 0.999 }, checkpoint: checkpoint() } as const
    const own = model(1)
    const sums = new Map<string, Float64Array>()
    const add = (event: TrainEvent) => {
      if (event._tag !== "step") return
      for (const [name, values] of Object.entries(weights(own)))
        sums.set(
          name,
          (sums.get(name) ?? new Float64Array(values.length)).map((x, i) => x + values[i]! / 12),
        )
    }
    await Effect.runPromise(stage(own, plain, { onEvent: add }))
    const part = model(1)
    await Effect.runPromise(stage(part, plain, { ...averaged, until: 5 }))
    await interrupted(model(1), plain, 9, averaged)
    const rest = model(1)
    await Effect.runPromise(stage(rest, plain, averaged))
    for (const [name, values] of Object.entries(weights(rest)))
      for (const [i, x] of values.entries()) expect(x).toBeCloseTo(sums.get(name)![i]!, 6)
    expect(weights(part)).not.toEqual(weights(rest))
    // The stage was whole: its last checkpoint is read, no step is run.
    const again = model(1)
    await Effect.runPromise(stage(again, plain, averaged))
    expect(weights(again)).toEqual(weights(rest))
  })

  test("a filter's memory is part of the checkpoint", async () => {
    const every = defineFilter({
      name: "every-other-step",
      needs: [],
      options: type({ "+": "reject" }),
      make: () => {
        let calls = 0
        return {
          select: ({ N }) => {
            calls++
            return Uint8Array.from({ length: N }, (_, n) => Number(n === 0 || (n + calls) % 2 === 0))
          },
          save: () => calls,
          restore: (state) => {
            calls = state as number
          },
        }
      },
    })
    const arm: Arm = () => armLayer(every(), crossEntropy())
    const whole = model(1)
    await Effect.runPromise(stage(whole, arm))
    await interrupted(model(1), arm, 5, { checkpoint: checkpoint() })
    const rest = model(1)
    await Effect.runPromise(stage(rest, arm, { checkpoint: checkpoint() }))
    expect(weights(rest)).toEqual(weights(whole))
  })

  test("a filter that remembers a tensor, and changes it between steps, resumes with it", async () => {
    const calls: Array<string> = []
    const moving = defineFilter({
      name: "moving",
      needs: [],
      options: type({ "+": "reject" }),
      make: () => {
        const sum = new Float32Array(2)
        return {
          select: ({ N }) => Uint8Array.from({ length: N }, (_, n) => Number(n === 0 || (n + sum[0]!) % 2 < 1)),
          before: (step) => {
            calls.push(`before ${step}`)
            sum[1] = step
          },
          after: (step, draft) => {
            calls.push(`after ${step}`)
            sum[0] = sum[0]! + sum[1]! + Math.abs(draftModel(draft).head_Vd.dataSync()[0]!)
          },
          save: () => null,
          restore: () => {},
          tensors: new Map([["sum", { shape: [2], read: () => sum, write: (values) => sum.set(values) }]]),
        }
      },
    })
    const arm: Arm = () => armLayer(moving(), crossEntropy())
    const whole = model(1)
    await Effect.runPromise(stage(whole, arm, { steps: 6 }))
    expect(calls.slice(0, 3)).toEqual(["before 0", "after 1", "before 1"])
    expect(calls).toHaveLength(12)
    await interrupted(model(1), arm, 4, { steps: 6, checkpoint: checkpoint() })
    const rest = model(1)
    await Effect.runPromise(stage(rest, arm, { steps: 6, checkpoint: checkpoint() }))
    expect(weights(rest)).toEqual(weights(whole))
  })

  test("a stage that ends early has the state of a whole run at that step, its falling learning rate included", async () => {
    const whole = model(1)
    await Effect.runPromise(stage(whole, plain))
    const part = model(1)
    const early = await Effect.runPromise(stage(part, plain, { until: 5, checkpoint: checkpoint() }))
    expect(early.steps).toBe(5)
    expect(weights(part)).not.toEqual(weights(whole))
    const rest = model(1)
    await Effect.runPromise(stage(rest, plain, { checkpoint: checkpoint() }))
    expect(weights(rest)).toEqual(weights(whole))
  })

  test("killed between two checkpoints and in the middle of one, it resumes from the newest whole one", async () => {
    const whole = model(1)
    await Effect.runPromise(stage(whole, plain))
    // The state after a kill: whole checkpoints, and a half-written one beside them.
    await interrupted(model(1), plain, 7, { checkpoint: checkpoint() })
    await Bun.write(join(directory, ".step-00000008.1.tmp", "model.safetensors"), "half")
    const rest = model(1)
    await Effect.runPromise(stage(rest, plain, { checkpoint: checkpoint() }))
    expect(weights(rest)).toEqual(weights(whole))
    expect((await readdir(directory)).sort()).toEqual(["step-00000011", "step-00000012"])
  })

  test("a checkpoint of another run is refused with what to do", async () => {
    await interrupted(model(1), plain, 5, { checkpoint: checkpoint("a") })
    const error = await Effect.runPromise(Effect.flip(stage(model(1), plain, { checkpoint: checkpoint("b") })))
    expect(String(error)).toContain("is of another run (a, not b); remove the folder or run with --fresh")
  })

  const following: Arm = selective((draft) => movingAverage(draft, 0.8))
  const files = ["tensors.safetensors", "state.json"]
  const damages: Record<string, (file: string, bytes: Buffer) => Promise<unknown>> = {
    "is gone": (file) => rm(file),
    "is empty": (file) => writeFile(file, ""),
    "is cut": (file, bytes) => writeFile(file, bytes.subarray(0, bytes.length - 9)),
    "has one other bit": (file, bytes) => {
      bytes[bytes.length - 20]! ^= 1
      return writeFile(file, bytes)
    },
    "is the file of another step": async (file) =>
      writeFile(file, await readFile(file.replace("step-00000005", "step-00000004"))),
  }
  for (const [how, damage] of Object.entries(damages))
    test(`where a file of the newest checkpoint ${how}, training goes on from the older one, and says it`, async () => {
      const whole = model(1)
      await Effect.runPromise(stage(whole, following))
      for (const file of files) {
        await rm(directory, { recursive: true })
        await interrupted(model(1), following, 5, { checkpoint: checkpoint() })
        const path = join(directory, "step-00000005", file)
        await damage(path, await readFile(path))
        const rest = model(1)
        const events: Array<TrainEvent> = []
        const onEvent = (event: TrainEvent) => events.push(event)
        await Effect.runPromise(stage(rest, following, { checkpoint: checkpoint(), onEvent }))
        const [note, resumed] = events
        // The state of another step contains the checksum of its tensors.
        const named = how.includes("another") ? "tensors.safetensors" : file
        expect(note?._tag === "note" && note.text).toMatch(new RegExp(`step 5 is damaged .*${named}.* from step 4$`))
        expect(resumed).toMatchObject({ _tag: "resumed", step: 4 })
        expect(weights(rest)).toEqual(weights(whole))
      }
    })

  test("without a sound checkpoint training starts again, with a note", async () => {
    const whole = model(1)
    await Effect.runPromise(stage(whole, plain))
    await interrupted(model(1), plain, 5, { checkpoint: checkpoint() })
    for (const name of await readdir(directory)) await writeFile(join(directory, name, "tensors.safetensors"), "half")
    const rest = model(1)
    const events: Array<TrainEvent> = []
    await Effect.runPromise(stage(rest, plain, { checkpoint: checkpoint(), onEvent: (e) => events.push(e) }))
    const notes = events.flatMap((e) => (e._tag === "note" ? [e.text] : []))
    expect(notes).toEqual([5, 4].map((step) => expect.stringContaining(`the checkpoint of step ${step} is damaged`)))
    expect(notes[0]).toEndWith("there is no other, so training starts again")
    expect(events.find((e) => e._tag === "step")).toMatchObject({ step: 1 })
    expect(weights(rest)).toEqual(weights(whole))
  })
})

test("a loss that is not finite stops the stage: step, batch and last good checkpoint are named", async () => {
  const draft = model(1)
  const spoil: Arm = () =>
    armLayer(
      defineFilter({
        name: "spoil",
        needs: [],
        options: type({ "+": "reject" }),
        make:
          () =>
          ({ N, step }) => {
            if (step === 6) tf.tidy(() => draft.head_Vd.assign(tf.fill(draft.head_Vd.shape, Number.NaN)))
            return new Uint8Array(N).fill(1)
          },
      })(),
      crossEntropy(),
    )
  const error = await Effect.runPromise(Effect.flip(stage(draft, spoil, { checkpoint: checkpoint() })))
  expect(error).toMatchObject({ _tag: "TrainingStopped", step: 7 })
  expect(String(error)).toMatch(/step 7 of 12, batch 6: loss NaN.*last good checkpoint: step 6 in/)
  expect((await readdir(directory)).sort().at(-1)).toBe("step-00000006")
})

test("long before a checkpoint is due, the last good step is saved when the stage stops", async () => {
  const overflow = defineFilter({
    name: "overflow",
    needs: [],
    options: type({ "+": "reject" }),
    make:
      () =>
      ({ N, step }) =>
        topFraction(new Float32Array(N).fill(step === 6 ? Number.POSITIVE_INFINITY : 1), 0.5, "top"),
  })
  const arm: Arm = () => armLayer(overflow(), crossEntropy())
  const rare = { ...checkpoint(), everySeconds: 3600 }
  const error = await Effect.runPromise(Effect.flip(stage(model(1), arm, { checkpoint: rare })))
  expect(String(error)).toMatch(/step 7 of 12.*is Infinity.*last good checkpoint: step 6 in/)
  expect(await readdir(directory)).toEqual(["step-00000006"])
})

test("a statistic that is not finite stops the stage the same way", async () => {
  const draft = model(1)
  const arm = selective(() => frozenReference(model(91)))
  tf.tidy(() => draft.head_Vd.assign(tf.fill(draft.head_Vd.shape, Number.NaN)))
  const error = await Effect.runPromise(Effect.flip(stage(draft, arm)))
  expect(error).toMatchObject({ _tag: "TrainingStopped", step: 1 })
  expect(String(error)).toMatch(/step 1 of 12, batch 0: .* is NaN, expected a finite number/)
})

test("a step that leaves tensors behind stops the stage and says what is left", async () => {
  const kept: Array<tf.Tensor> = []
  const leaky = defineFilter({
    name: "leaky",
    needs: [],
    options: type({ "+": "reject" }),
    make:
      () =>
      ({ N }) => {
        kept.push(tf.keep(tf.add(tf.ones([3]), 1)))
        return new Uint8Array(N).fill(1)
      },
  })
  const arm: Arm = () => armLayer(leaky(), crossEntropy())
  const error = await Effect.runPromise(Effect.flip(stage(model(1), arm)))
  expect(String(error)).toMatch(/test, step 2.* leaks 1 more tensors/)
  tf.dispose(kept)
})

test("FocusFinetune trains without any target", async () => {
  const arm: Arm = () => armLayer(focusFinetune(), crossEntropy()).pipe(Layer.provide(frozenReference(model(91))))
  const summary = await Effect.runPromise(stage(model(1), arm))
  expect(summary.steps).toBe(12)
  expect(summary.finalLoss).toBeFinite()
})

test("a filter that fails in the second micro-batch leaves nothing behind", async () => {
  const failing = defineFilter({
    name: "failing",
    needs: [],
    options: type({ "+": "reject" }),
    make: () => {
      let calls = 0
      return ({ N }) => new Uint8Array(calls++ === 1 ? 0 : N).fill(1)
    },
  })
  const arm: Arm = () => armLayer(failing(), crossEntropy())
  const error = await Effect.runPromise(Effect.flip(stage(model(1), arm, { microBatches: 2 })))
  expect(String(error)).toContain("returned 0 weights")
})

test("training lowers the loss, and events carry the running counts", async () => {
  const events: Array<TrainEvent> = []
  const summary = await Effect.runPromise(stage(model(1), plain, { steps: 60, onEvent: (e) => events.push(e) }))
  const steps = events.filter((e) => e._tag === "step")
  expect(steps).toHaveLength(60)
  expect(steps.at(-1)!.loss).toBeLessThan(steps[0]!.loss - 0.5)
  expect(steps.at(-1)).toMatchObject({ keptFraction: 1, tokensTrained: summary.tokensTrained })
  const perPass = examples.reduce((s, e) => s + e.ids.length - e.promptLength, 0)
  expect(summary.tokensTrained).toBe(10 * perPass)
  expect(events.filter((e) => e._tag === "kept").length).toBeGreaterThan(5)
})
