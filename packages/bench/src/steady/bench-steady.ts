/** `bun run bench steady`: a long training run of a tiny draft that shows if the process grows. */
import { readFileSync } from "node:fs"
import { armLayer } from "@winnow/core"
import { batches } from "@winnow/data"
import { adaspec } from "@winnow/filter-adaspec"
import { kl } from "@winnow/loss-kl"
import { gptNeox } from "@winnow/model-gpt-neox"
import { initialise } from "@winnow/models"
import { median, seeded } from "@winnow/numerics"
import { engineMemory, openEngine } from "@winnow/tensor"
import { frozenReference, frozenTarget, optimizerOptions, trainStage } from "@winnow/training"
import { Effect, Layer } from "effect"
import { count, optionLines, readOptions } from "../options.ts"
import { spokenOptions } from "../side-by-side/common-options.ts"
import { begin, type Header } from "../side-by-side/header.ts"

const options = {
  steps: count("S", 10_000, "optimizer steps of a draft of 0.1M parameters, AdaSPEC on live signals"),
  ...spokenOptions,
} as const

export const steadyUsage = `bun run bench steady [options]\n\n${optionLines(options)}`

/** Memory at one moment of the run. */
export interface Moment {
  readonly step: number
  readonly residentMegabytes: number
  readonly heapMegabytes: number
  readonly tensors: number
  readonly handles: number
}

/** The report that `--json` prints. */
export type SteadyReport = Header & SteadyResult

export interface SteadyResult {
  readonly steps: number
  readonly secondsPerStep: number
  readonly moments: ReadonlyArray<Moment>
  /** Least-squares slope of resident memory over the second half of the run, MB in 1000 steps. */
  readonly megabytesPerThousandSteps: number
  /** Tensors and handles at the end minus at the first moment. */
  readonly tensorsLeft: number
  readonly handlesLeft: number
}

/** Resident size of this process now, MB. */
const residentMegabytes = (): number =>
  process.platform === "linux"
    ? Number(/VmRSS:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))![1]) / 1024
    : process.memoryUsage().rss / 2 ** 20

const moment = (step: number): Moment => {
  Bun.gc(true)
  const { tensors, handles } = engineMemory()
  return {
    step,
    residentMegabytes: residentMegabytes(),
    heapMegabytes: process.memoryUsage().heapUsed / 2 ** 20,
    tensors,
    handles,
  }
}

/** Least-squares slope of y over x. */
export const slope = (x: ReadonlyArray<number>, y: ReadonlyArray<number>): number => {
  const mean = (values: ReadonlyArray<number>) => values.reduce((a, b) => a + b, 0) / values.length
  const [mx, my] = [mean(x), mean(y)]
  const [over, under] = x.reduce(
    ([o, u], xi, i) => [o + (xi - mx) * (y[i]! - my), u + (xi - mx) ** 2] as [number, number],
    [0, 0] as [number, number],
  )
  return over / under
}

const V = 512
const model = async (hidden_size: number, seed: number) =>
  initialise(
    await Effect.runPromise(
      gptNeox({
        vocab_size: V,
        hidden_size,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        max_position_embeddings: 128,
      }).instance,
    ),
    seed,
  )

/** Sequences of 8 to 48 random tokens: lengths change from batch to batch, as in real text. */
const examples = Array.from({ length: 512 }, (_, e) => {
  const rng = seeded(1, "steady", e)
  return { ids: Int32Array.from({ length: 8 + rng.below(41) }, () => rng.below(V)), promptLength: 4 }
})

/** Trains, and measures memory twenty times during the run. */
export const runSteady = async (steps: number, say: (line: string) => void): Promise<SteadyResult> => {
  await openEngine()
  const [draft, reference, target] = [await model(32, 1), await model(32, 2), await model(64, 3)]
  const every = Math.max(1, Math.floor(steps / 20))
  const moments: Array<Moment> = []
  const seconds: Array<number> = []
  let before = 0
  await Effect.runPromise(
    trainStage({
      stage: "steady",
      model: draft,
      batches: batches(examples, { batchSize: 8, seed: 1 }),
      steps,
      optimizer: optimizerOptions.assert({ learningRate: 1e-3 }),
      seed: 1,
      onEvent: (event) => {
        if (event._tag !== "step") return
        seconds.push(event.seconds - before)
        before = event.seconds
        if (event.step % every !== 0) return
        moments.push(moment(event.step))
        say(
          `step ${event.step}  ${moments.at(-1)!.residentMegabytes.toFixed(1)} MB  ${moments.at(-1)!.tensors} tensors`,
        )
      },
    }).pipe(
      Effect.provide(
        armLayer(adaspec(), kl()).pipe(Layer.provide(Layer.merge(frozenTarget(target), frozenReference(reference)))),
      ),
    ),
  )
  for (const model of [draft, reference, target]) model.dispose()
  const half = moments.slice(Math.floor(moments.length / 2))
  const [first, last] = [moments[0]!, moments.at(-1)!]
  return {
    steps,
    secondsPerStep: median(seconds),
    moments,
    megabytesPerThousandSteps:
      1000 *
      slope(
        half.map((m) => m.step),
        half.map((m) => m.residentMegabytes),
      ),
    tensorsLeft: last.tensors - first.tensors,
    handlesLeft: last.handles - first.handles,
  }
}

/** @error UsageError for impossible arguments */
export const benchSteady = async (args: ReadonlyArray<string>): Promise<void> => {
  const { values } = readOptions("steady", args, options)
  if (values.help) return console.log(steadyUsage)
  const { steps } = values
  const { finish } = begin("steady", args, values)
  const report = await runSteady(steps, (line) => console.error(line))
  finish(report, [
    `${steps} steps of ${(1000 * report.secondsPerStep).toFixed(2)} ms: resident memory grows by ${report.megabytesPerThousandSteps.toFixed(2)} MB in 1000 steps over the second half; ` +
      `${report.tensorsLeft} tensors and ${report.handlesLeft} handles more than at the first look`,
  ])
}
