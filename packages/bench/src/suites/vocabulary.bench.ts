/**
 * Proposed tokens of a draft whose head has all ids, and of the same draft with a smaller vocabulary: over a warm cache,
 * the choice or the distribution over the target's ids included.
 */
import type { Decoder } from "@winnow/core"
import { choicesAfter, distributionsAfter, draw } from "@winnow/generation"
import { gptNeox } from "@winnow/model-gpt-neox"
import { initialise, modelOfIds } from "@winnow/models"
import { Effect } from "effect"
import { do_not_optimize } from "mitata"
import { prepared, type Setup, type Suite } from "../suite.ts"

const V = 50304
/** Positions cached before the step. */
const P = 128
const warmUp = 12

const whole = () =>
  initialise(
    Effect.runSync(
      gptNeox({
        ...{ vocab_size: V, max_position_embeddings: 512, hidden_size: 256, num_hidden_layers: 6 },
        ...{ num_attention_heads: 4, intermediate_size: 1024, tie_word_embeddings: true },
      }).instance,
    ),
    1,
  )

/** The draft with every k-th id, so that U of them are left. */
const draftOf = (U: number): Decoder => {
  const all = whole()
  if (U === V) return all
  const k = Math.floor(V / U)
  const some = modelOfIds(
    all,
    Int32Array.from({ length: U }, (_, u) => k * u),
  )
  all.dispose()
  return some
}

const proposed = (U: number, sampled: boolean): Setup =>
  function* () {
    const draft = draftOf(U)
    const state = draft.decoding()
    const next = Int32Array.of(7)
    const call = () =>
      sampled
        ? draw(distributionsAfter(draft, state, next, 1, 1, { temperature: 1 }).at(0)!, 0.5)
        : choicesAfter(draft, state, next, 1, 1, false).argmax[0]
    try {
      choicesAfter(
        draft,
        state,
        Int32Array.from({ length: P }, (_, t) => (31 * t) % V),
        1,
        1,
        false,
      )
      for (let i = 0; i < warmUp; i++) {
        call()
        state.rollback(P)
      }
      yield prepared(
        () => state.rollback(P),
        () => do_not_optimize(call()),
      )
    } finally {
      state.dispose()
      draft.dispose()
    }
  }

export const vocabulary: Suite = ({ bench }) => {
  for (const sampled of [false, true]) {
    const how = sampled ? "a sampled token" : "a greedy token"
    const name = `${how}, ${V} ids`
    bench(name, { work: { amount: 1, unit: "tokens/s" }, setup: proposed(V, sampled) })
    for (const U of [16384, 4096])
      bench(`${how}, ${U} of them`, {
        work: { amount: 1, unit: "tokens/s" },
        comparedTo: name,
        setup: proposed(U, sampled),
      })
  }
}
