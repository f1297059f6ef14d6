/** Figures of a head on finished texts: greedy exactly those of decoding, sampled in the mean. */
import { afterEach, expect, test } from "bun:test"
import { atOnce } from "@winnow/files"
import { generate } from "@winnow/generation"
import { medusa } from "@winnow/head-medusa"
import { makeHead } from "@winnow/models"
import { normals, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { instanceOf, randomPrompts, tableModel } from "@winnow/testing"
import { estimateAcceptance, estimatedCounts } from "./acceptance.ts"
import { evidenceOnGreedy, evidenceOnSamples } from "./evidence-of.ts"
import { headProposer } from "./head-proposer.ts"
import { speculate } from "./speculate.ts"

const instance = await instanceOf(medusa({ heads: 3 }))
const made: Array<{ readonly dispose: () => void }> = []
afterEach(() => {
  for (const model of made.splice(0)) model.dispose()
})
const pairOf = (seed: number) => {
  const target = tableModel({ V: 5, states: 12, seed, sharpness: 2, quick: true })
  const parameters = new Map(
    Array.from(instance.on(target.architecture).parameters, ([name, { shape }]) => {
      const values = normals(shape[0]! * (shape[1] ?? 1), 0.8, seeded(seed, name))
      return [name, tf.tidy(() => tf.variable(tf.tensor(values, [...shape])))] as const
    }),
  )
  const head = makeHead(instance, target, parameters)
  made.push(head, target)
  return { target, proposer: headProposer(head) }
}
const prompts = randomPrompts(30, 5, 9, 3)
const eosId = 4

test("greedy: exactly the counts of the runs, prompt by prompt, for every gamma", async () => {
  const { target, proposer } = pairOf(1)
  const options = { maxNew: 20, eosId }
  const { rollouts } = await generate(target, prompts, options)
  const evidence = atOnce(evidenceOnGreedy(target, proposer, rollouts, { eosId, longest: 4 })!)
  let accepted = 0
  for (const draftLength of [1, 2, 4]) {
    const runs = await speculate(target, proposer, prompts, { ...options, draftLength })
    for (const [i, expected] of estimatedCounts(evidence, draftLength).entries()) {
      expect(runs[i]!.rollout).toEqual(rollouts[i]!)
      expect(runs[i]!.counts).toMatchObject(expected)
      accepted += runs[i]!.counts.accepted
    }
  }
  expect(accepted).toBeGreaterThan(40)
})

for (const sampling of [{ temperature: 0.9 }, { temperature: 1.2, topK: 3 }])
  test(`sampled at ${JSON.stringify(sampling)}: counts agree with runs within 4 standard errors`, async () => {
    const { target, proposer } = pairOf(2)
    const many = Array.from({ length: 700 }, (_, i) => prompts[i % prompts.length]!)
    const options = { maxNew: 12, eosId, ...sampling }
    const { rollouts } = await generate(target, many, { ...options, seed: 1 })
    const evidence = atOnce(evidenceOnSamples(target, proposer, rollouts, sampling, { eosId, longest: 3 })!)
    const runs = await speculate(target, proposer, many, { ...options, seed: 2, draftLength: 3 })
    const estimates = estimatedCounts(evidence, 3)
    for (const of of ["accepted", "rejected", "blocks", "emitted"] as const) {
      const apart = estimates.map((counts, i) => counts[of] - runs[i]!.counts[of])
      const mean = apart.reduce((a, b) => a + b, 0) / apart.length
      const deviation = Math.sqrt(apart.reduce((sum, x) => sum + (x - mean) ** 2, 0) / apart.length)
      expect(Math.abs(mean), of).toBeLessThan((4 * deviation) / Math.sqrt(apart.length))
    }
    const { expectedAcceptance, draftKl, byPosition } = estimateAcceptance(evidence, 3, "table")
    expect(expectedAcceptance!.pooled).toBeWithin(0.1, 0.9)
    expect(draftKl!.pooled).toBeGreaterThan(0)
    expect(byPosition.map(({ tested }) => tested > 0)).toEqual([true, true, true])
  })
