import { expect, test } from "bun:test"
import type { Decoder } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { randomPrompts, tablePair } from "@winnow/testing"
import { Effect } from "effect"
import { architectures, randomModel, shake, VOCABULARY } from "../test/transformers.ts"
import { modelProposer } from "./model-proposer.ts"
import { measureSpeedup } from "./speedup.ts"

/** A model that logs the length of the first call of every decoding (the whole prompt), in order. */
const noting = (model: Decoder, name: string, log: Array<string>): Decoder => ({
  ...model,
  decoding: (...args: Parameters<Decoder["decoding"]>) => {
    const decoding = model.decoding(...args)
    let first = true
    return {
      get length() {
        return decoding.length
      },
      extend: (ids_BT) => {
        if (first) log.push(`${name} ${ids_BT.shape[1]}`)
        first = false
        return decoding.extend(ids_BT)
      },
      rollback: (length) => decoding.rollback(length),
      dispose: () => decoding.dispose(),
    }
  },
})

test("all prompts are decoded both ways before the clock counts, then in three rounds", async () => {
  const { target, draft, dispose } = tablePair(7, 5, 0.4)
  const log: Array<string> = []
  const finished: Array<number> = []
  const prompts = [1, 2, 3].map((length) => new Int32Array(length).fill(3))
  const result = await measureSpeedup(
    noting(target, "target", log),
    modelProposer(noting(draft, "draft", log)),
    prompts,
    { draftLength: 2, maxNew: 12 },
    {},
    { onProgress: () => finished.push(log.filter((line) => line.startsWith("target")).length) },
  )
  // The target decodes each prompt twice (alone, with the draft) before the first timed pair adds two.
  expect(finished).toEqual(Array.from({ length: 9 }, (_, i) => 6 + 2 * (i + 1)))
  // With the draft, the first call reads the prompt and the two drafted tokens.
  const ofTarget = log.filter((line) => line.startsWith("target"))
  expect(ofTarget.slice(0, 6)).toEqual([1, 3, 2, 4, 3, 5].map((length) => `target ${length}`))
  expect(log.filter((line) => line.startsWith("draft")).length).toBe(12)
  expect(result.runs.alone.length).toBe(9)
  expect(result).toMatchObject({ prompts: 3, rounds: 3, identity: { prompts: 3, identical: 3 } })
  expect(result.byRound.length).toBe(3)
  expect(result.speedup).toBe(result.byRound.toSorted((a, b) => a - b)[1]!)
  dispose()
})

for (const [name, instance] of architectures)
  test(`${name}: the record is consistent with its runs`, async () => {
    const model = () => randomModel(Effect.runSync(instance))
    const [target, draft] = [model(), shake(model(), 0.05, 4)]
    const before = tf.memory().numTensors
    const result = await measureSpeedup(
      target,
      modelProposer(draft),
      randomPrompts(4, VOCABULARY, 14, 6),
      { draftLength: 2, maxNew: 40 },
      { rounds: 2 },
    )
    expect(result.identity).toMatchObject({ prompts: 4, identical: 4 })
    expect(result.byRound.length).toBe(2)
    expect(result.parameterRatio).toBe(1)
    expect(result.mbsu).toBeCloseTo(result.blockEfficiency / 3, 12)
    expect(result.runs.alone.every((r) => r.counts.blocks === 40 && r.counts.proposed === 0)).toBe(true)
    for (const seconds of Object.values(result.seconds)) expect(seconds).toBeGreaterThan(0)
    // Predictions and rates follow from the runs by their definitions; their values depend on the load of the machine.
    const { alone, withDraft } = result.runs
    const rate = (runs: typeof alone) =>
      runs.reduce((n, r) => n + r.rollout.tokens.length, 0) / runs.reduce((n, r) => n + r.timing.total, 0)
    expect(result.ofTotals).toBeCloseTo(rate(withDraft) / rate(alone), 9)
    const { target: T, verify, draft: D } = result.seconds
    const n = result.proposedPerCall
    expect(n).toBeWithin(1.8, 2.01)
    expect(result.predicted).toBeCloseTo((T * result.blockEfficiency) / (n * D + T), 9)
    expect(result.predictedFromVerify).toBeCloseTo((T * result.blockEfficiency) / (n * D + verify), 9)
    for (const [i, run] of alone.entries()) expect(run.rollout).toEqual(withDraft[i]!.rollout)
    expect(tf.memory().numTensors).toBe(before)
    for (const m of [target, draft]) m.dispose()
  })
