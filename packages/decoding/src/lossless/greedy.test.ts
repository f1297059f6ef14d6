/** Greedy text with a draft is the target's own, token for token, on models that are exact in float32. */

import { expect, test } from "bun:test"
import { generate } from "@winnow/generation"
import { tf } from "@winnow/tensor"
import { randomPrompts, tablePair } from "@winnow/testing"
import { compareGreedy } from "../identity.ts"
import { modelProposer } from "../model-proposer.ts"
import { speculate } from "../speculate.ts"

for (const quick of [false, true])
  test(`for every gamma, with end token, stop rule and length limit inside blocks${quick ? ", without tensors" : ""}`, async () => {
    const before = tf.memory().numTensors
    const ends = { eos: 0, stop: 0, length: 0 }
    let cuts = 0
    for (const seed of [1, 2, 3]) {
      const { target, draft, dispose } = tablePair(7, seed, 0.7, 0, quick)
      const prompts = randomPrompts(25, 7, 6, seed)
      const stop = (tokens: ReadonlyArray<number>) => tokens.length % 5 === 0 && tokens.at(-1)! < 4
      for (const hooks of [{}, { stop }])
        for (const maxNew of [1, 2, 17]) {
          const alone = await generate(target, prompts, { maxNew, eosId: 5 }, hooks)
          for (const draftLength of [0, 1, 2, 4, 8, { most: 8, costRatio: 0.1 }]) {
            const done = await speculate(
              target,
              modelProposer(draft),
              prompts,
              { draftLength, maxNew, eosId: 5 },
              hooks,
            )
            expect(done.map((d) => d.rollout)).toEqual([...alone.rollouts])
            expect(compareGreedy(alone.rollouts, done).identical).toBe(25)
            for (const { counts, rollout } of done) {
              ends[rollout.finish]++
              if (counts.untruncated > counts.emitted) cuts++
            }
          }
        }
      dispose()
    }
    expect(Math.min(...Object.values(ends))).toBeGreaterThan(100)
    expect(cuts).toBeGreaterThan(100) // blocks that were cut, or that an accepted end token ended
    expect(tf.memory().numTensors).toBe(before)
  })
