/** A draft with a shorter context than the target's proposes fewer tokens near its end; texts stay the target's. */

import { describe, expect, test } from "bun:test"
import type { Decoder } from "@winnow/core"
import { generate } from "@winnow/generation"
import { gptNeox } from "@winnow/model-gpt-neox"
import { llama } from "@winnow/model-llama"
import { initialise } from "@winnow/models"
import { randomPrompts, tableModel } from "@winnow/testing"
import { Effect } from "effect"
import { paths, shake, VOCABULARY } from "../../test/transformers.ts"
import { estimatedCounts } from "../acceptance.ts"
import { readableLength } from "../block-structure.ts"
import { evaluateProposer } from "../evaluate/evaluate.ts"
import { greedyEvidence, sampledEvidence } from "../evidence.ts"
import { modelProposer } from "../model-proposer.ts"
import { speculate } from "../speculate.ts"
import { type SpeculativeOptions, SpeculativeSession } from "../speculative.ts"

const sizes = { vocab_size: VOCABULARY, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2 }
const families = {
  llama: (max_position_embeddings: number) => llama({ ...sizes, max_position_embeddings }),
  gpt_neox: (max_position_embeddings: number) => gptNeox({ ...sizes, max_position_embeddings, rotary_pct: 0.5 }),
}
const modelOf = (family: keyof typeof families, context: number, noise: number) => {
  const model = shake(initialise(Effect.runSync(families[family](context).instance), 1), 0.2, 2)
  return noise === 0 ? model : shake(model, noise, 4)
}
/** Prompts of 1 to 14 tokens: the shortest draft cannot read some of them at all. */
const prompts = randomPrompts(10, VOCABULARY, 14, 6)

/** A run without a turn of the event loop, so that the path of decoding stays fixed. */
const run = (target: Decoder, draft: Decoder, prompt: Int32Array, options: SpeculativeOptions) => {
  const session = new SpeculativeSession(target, modelProposer(draft), prompt, options)
  while (session.step());
  const { rollout, counts } = session
  session.dispose()
  return { rollout, counts }
}

for (const [path, on] of paths)
  for (const family of ["llama", "gpt_neox"] as const)
    test(`greedy, ${family}, ${path}: texts are the target's, counts are those of the draft's pass`, async () => {
      const target = modelOf(family, 48, 0)
      for (const context of [4, 9, 16, 29, 30]) {
        const draft = modelOf(family, context, 0.02)
        const { rollouts } = await generate(target, prompts, { maxNew: 16 })
        on(() => {
          const evidence = greedyEvidence(draft, rollouts)
          for (const draftLength of [1, 4]) {
            const runs = prompts.map((prompt) => run(target, draft, prompt, { maxNew: 16, draftLength }))
            expect(runs.map(({ rollout }) => rollout)).toEqual([...rollouts])
            for (const [i, counts] of estimatedCounts(evidence, draftLength).entries())
              expect(runs[i]!.counts).toMatchObject({ ...counts })
            for (const [i, { counts }] of runs.entries()) {
              const readable = readableLength(prompts[i]!.length, context)
              expect(counts.accepted + counts.rejected).toBeLessThanOrEqual(readable)
              if (readable === 0) expect(counts).toMatchObject({ blocks: 16, proposed: 0 })
            }
          }
        })
        draft.dispose()
      }
      target.dispose()
    })

test("a draft equal to the target has every proposal accepted up to its context, greedy and sampled", async () => {
  const [target, draft] = [100, 12].map((maxLength) => tableModel({ V: 8, states: 16, seed: 1, maxLength }))
  const texts = randomPrompts(20, 8, 14, 3)
  for (const temperature of [0, 1])
    for (const { rollout, counts } of await speculate(target!, modelProposer(draft!), texts, {
      draftLength: 3,
      maxNew: 20,
      temperature,
    })) {
      const readable = Math.min(19, readableLength(rollout.prompt.length, 12))
      expect(rollout.tokens.length).toBe(20)
      expect(counts.rejected).toBe(0)
      // Three of four tokens are proposed while the draft can read; afterwards every token is the target's own.
      let [emitted, proposed] = [0, 0]
      while (emitted < 20) {
        const block = Math.max(0, Math.min(3, 20 - emitted - 1, readable - emitted))
        ;[emitted, proposed] = [emitted + block + 1, proposed + block]
      }
      expect(counts.accepted).toBe(proposed)
    }
  for (const model of [target!, draft!]) model.dispose()
})

describe("sampled", () => {
  test("tokens have the target's distribution within the draft's context and beyond it", async () => {
    const V = 5
    const [target, draft] = [
      tableModel({ V, states: 8, seed: 3, quick: true }),
      tableModel({ V, states: 8, seed: 3, noise: 1, maxLength: 4, quick: true }),
    ]
    const N = 20_000
    const same = Array.from({ length: N }, () => Int32Array.of(1, 2))
    const runs = await speculate(target, modelProposer(draft), same, {
      draftLength: 2,
      maxNew: 5,
      temperature: 1,
      seed: 9,
    })
    expect(new Set(runs.map(({ counts }) => counts.rejected)).size).toBeGreaterThan(1)
    for (const t of [0, 1, 2, 3, 4]) {
      // Conditional on the text before it, a token is drawn by p: each (token - its expectation) sums to about 0.
      const surplus_V = new Float64Array(V)
      const variance_V = new Float64Array(V)
      for (const { rollout } of runs) {
        const p_V = target.distributionAfter([1, 2, ...rollout.tokens.subarray(0, t)], { temperature: 1 })
        for (let v = 0; v < V; v++) {
          surplus_V[v]! += (rollout.tokens[t] === v ? 1 : 0) - p_V[v]!
          variance_V[v]! += p_V[v]! * (1 - p_V[v]!)
        }
      }
      for (let v = 0; v < V; v++) expect(Math.abs(surplus_V[v]!)).toBeLessThan(5 * Math.sqrt(variance_V[v]!) + 1e-9)
    }
    for (const model of [target, draft]) model.dispose()
  })

  test("overlap and KL are means over the positions that the draft can read", async () => {
    const [target, whole, short] = [modelOf("llama", 48, 0), modelOf("llama", 48, 0.02), modelOf("llama", 10, 0.02)]
    const { rollouts } = await generate(target, prompts, { maxNew: 16, temperature: 1 })
    const [all, some] = [whole, short].map((draft) => sampledEvidence(target, draft, rollouts, { temperature: 1 }))
    for (const [i, { prompt, tokens }] of rollouts.entries()) {
      const readable = Math.min(tokens.length, readableLength(prompt.length, 10))
      expect(some!.readable[i]).toBe(readable)
      for (const key of ["overlap", "kl"] as const) {
        expect(some![key]![i]!.length).toBe(readable)
        for (const [t, x] of some![key]![i]!.entries()) expect(x).toBeCloseTo(all![key]![i]![t]!, 4)
      }
      expect([...some!.chance[i]!.subarray(readable)].every((chance) => chance === 0)).toBe(true)
    }
    for (const model of [target, whole, short]) model.dispose()
  })
})

test("an evaluation with a short draft: runs agree with passes, figures cover the proposed tokens", async () => {
  const target = modelOf("llama", 48, 0)
  for (const [context, tested] of [
    [10, true],
    [1, false],
  ] as const) {
    const draft = modelOf("llama", context, 0.02)
    const texts = tested ? prompts : prompts.filter(({ length }) => length > 1)
    const options = { maxNew: 16, dataset: "random ids", rounds: 0, draftLengths: [0, 3] }
    const { results, expectedAcceptance, draftKl } = await evaluateProposer(
      target,
      modelProposer(draft),
      texts,
      options,
    )
    for (const { estimateAgrees, identity, blockEfficiency, greedyAcceptance, draftLength } of results) {
      expect(estimateAgrees).toBe(texts.length)
      expect(identity!.identical).toBe(texts.length)
      expect(blockEfficiency).toBeGreaterThanOrEqual(1)
      expect(greedyAcceptance === null).toBe(!tested || draftLength === 0)
    }
    expect([expectedAcceptance === null, draftKl === null]).toEqual([!tested, !tested])
    draft.dispose()
  }
  target.dispose()
})
