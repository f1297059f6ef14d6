/**
 * A probe: the choices of a filter among a fixed set of tokens at some steps of a training, a record of their stability.
 *
 * The probe's tokens train nothing, and its passes change nothing of the training: the filter's memory is put back after
 * each. A reference that follows the draft is read as it is at that step. Letters: N tokens of all batches.
 */
import { type Draft, type Encoder, type FilterInstance, InvalidInput, type StepState } from "@winnow/core"
import type { Batch } from "@winnow/data"
import { type } from "arktype"
import type { Head } from "./head/head.ts"
import { choiceOf } from "./micro-batch.ts"

/** The tokens of a probe, and when it is read. */
export interface Probe {
  /** The filter decides within each. */
  readonly batches: ReadonlyArray<Batch>
  /** Numbers of steps done, from 0 (before the first) to all, increasing. */
  readonly at: ReadonlyArray<number>
  /** Frozen models that the training reads from caches alone; the caches do not cover the probe's tokens. */
  readonly target?: Encoder | undefined
  readonly reference?: Encoder | undefined
}

/** A filter's choice among a probe's tokens at a step. */
export interface ProbePoint {
  /** Steps done. */
  readonly step: number
  /** 1 for a kept token, [N]. */
  readonly kept_N: Uint8Array
  /** The numbers by which the filter ranked the tokens, [N]; undefined where it gives none. */
  readonly score_N: Float32Array | undefined
  /** Seconds that it took. */
  readonly seconds: number
}

const saved = type({
  "+": "reject",
  step: "number.integer >= 0",
  // Bits, the first token the lowest of the first byte, and float32 numbers; base64.
  kept: "string",
  score: "string | null",
  tokens: "number.integer >= 1",
  seconds: "number >= 0",
})
const savedPoints = saved.array()

/** A point in a form that JSON holds: an eighth of a byte a token, and 4 bytes for its score. */
export type SavedPoint = typeof saved.infer

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64")

/** A point as JSON. */
export const savePoint = ({ step, kept_N, score_N, seconds }: ProbePoint): SavedPoint => {
  const bits = new Uint8Array(Math.ceil(kept_N.length / 8))
  for (const [n, kept] of kept_N.entries()) if (kept > 0) bits[n >> 3]! |= 1 << (n & 7)
  const score = score_N && base64(new Uint8Array(score_N.buffer, score_N.byteOffset, score_N.byteLength))
  return { step, kept: base64(bits), score: score ?? null, tokens: kept_N.length, seconds }
}

/** A point from JSON. */
export const readPoint = ({ step, kept, score, tokens, seconds }: SavedPoint): ProbePoint => {
  const bits = Buffer.from(kept, "base64")
  const bytes = score === null ? undefined : Buffer.from(score, "base64")
  return {
    step,
    kept_N: Uint8Array.from({ length: tokens }, (_, n) => (bits[n >> 3]! >> (n & 7)) & 1),
    score_N: bytes && Float32Array.from({ length: tokens }, (_, n) => bytes.readFloatLE(4 * n)),
    seconds,
  }
}

/** Points from JSON of unknown origin. @error InvalidInput where it holds no points */
export const readPoints = (json: unknown): ReadonlyArray<ProbePoint> => {
  const points = savedPoints(json)
  if (points instanceof type.errors) throw new InvalidInput({ what: "probe", problems: [points.summary] })
  return points.map(readPoint)
}

/** Runs a filter and then puts its memory back. */
const unremembered = <A>(filter: FilterInstance, run: () => A): A => {
  const before = JSON.parse(JSON.stringify(filter.save() ?? null)) as unknown
  const tensors = Array.from(filter.tensors ?? [], ([, tensor]) => [tensor, tensor.read().slice()] as const)
  const out = run()
  if (before !== null) filter.restore(before)
  for (const [tensor, values] of tensors) tensor.write(values)
  return out
}

/** The inputs of a choice beside the draft. */
export interface ProbedStage {
  readonly filter: FilterInstance
  /** Chosen without caches. */
  readonly head: Head
  readonly target: Encoder | undefined
  readonly reference: Encoder | undefined
  readonly steps: number
  readonly seed: number
}

/** The choice at a step: that of the next step, if its batches were the probe's. */
const pointAt = (probe: Probe, stage: ProbedStage, draft: Draft, step: number): ProbePoint => {
  const began = performance.now()
  const models = { draft, target: probe.target ?? stage.target, reference: probe.reference ?? stage.reference }
  const { filter, head, steps, seed } = stage
  const choices = unremembered(filter, () =>
    probe.batches.map((batch, micro) => choiceOf({ ...models, filter, head, steps, seed, batch, step, micro })),
  )
  const kept_N = Uint8Array.from(choices.flatMap(({ weights_N }) => Array.from(weights_N, (w) => (w > 0 ? 1 : 0))))
  const scores = choices.flatMap(({ score_N }) => (score_N ? [score_N] : []))
  const score_N = scores.length < choices.length ? undefined : Float32Array.from(scores.flatMap((s) => [...s]))
  return { step, kept_N, score_N, seconds: (performance.now() - began) / 1000 }
}

/**
 * The probe as a state of a stage: its points are in the checkpoints, so that a stage that resumes has all of them.
 *
 * It must come after the stage's other states, whose hooks change the reference and the filter between steps.
 */
export const probeState = (
  probe: Probe,
  stage: ProbedStage,
): StepState & { readonly points: () => ReadonlyArray<ProbePoint> } => {
  let points: ReadonlyArray<ProbePoint> = []
  const read = (step: number, draft: Draft) => {
    if (!probe.at.includes(step) || points.some((point) => point.step === step)) return
    points = [...points, pointAt(probe, stage, draft, step)]
  }
  return {
    points: () => points,
    before: (step, draft) => {
      if (step === 0) read(step, draft)
    },
    after: read,
    save: () => points.map(savePoint),
    restore: (json) => {
      points = readPoints(json)
    },
  }
}
