/** The options of the head; those of its layer have the names of config.json. */
import { type } from "arktype"

const size = "number.integer >= 1"

/** The options of the head. */
export const options = type({
  "+": "reject",
  // "eagle": the first form, from the target's last state. "eagle3": from three layers' states, with norms of its own.
  form: "'eagle' | 'eagle3' = 'eagle'",
  // Steps of training-time test: 1 is EAGLE's training; EAGLE-3 takes 7, and each costs a pass of the layer.
  steps: "1 <= number.integer <= 16 = 1",
  // Factor from one step's loss to the next: EAGLE-3's.
  decay: "0 < number <= 1 = 0.8",
  // Weight of the smooth L1 distance to the target's next feature; EAGLE's is 10 times its other loss, EAGLE-3 has none.
  feature: "number >= 0 = 0",
  // eagle3: "own" trains a vocabulary head that begins as the target's, as published; "target" uses the target's.
  "vocabulary?": "'own' | 'target'",
  // eagle3: the layers whose states it reads, as hiddenByLayer numbers them. Left out: 2, the middle, and 3 from the top.
  "taps?": type("number.integer[] == 3").narrow(
    (taps, ctx) =>
      taps.every((layer, i) => i === 0 || layer > taps[i - 1]!) || ctx.mustBe("three layers in ascending order"),
  ),
  // Left out: as many as the target has.
  "num_attention_heads?": size,
  "num_key_value_heads?": size,
  // Left out: the target's, or hidden_size / num_attention_heads where their number is given.
  "head_dim?": size,
  // Left out: 8/3 of the hidden size rounded up to a multiple of 8, as in Llama.
  "intermediate_size?": size,
  rope_theta: "number > 0 = 10000",
  rms_norm_eps: "number > 0 = 0.000001",
  initializer_range: "number > 0 = 0.02",
  // A private feed-forward beside the layer's own (EDA), the part that an adaptation to another target trains: its columns,
  // and "joint" for a gate by each token or "none" for a sum.
  "private?": { "+": "reject", size: "number.integer >= 1", gate: "'joint' | 'none' = 'joint'" },
}).narrow((o, ctx) => {
  if (o.form === "eagle3")
    return (
      o.feature === 0 || ctx.reject({ path: ["feature"], expected: "0 with form eagle3, whose features are its own" })
    )
  if (o.vocabulary === "own")
    return ctx.reject({ path: ["vocabulary"], expected: '"target" with form eagle, whose features are the target\'s' })
  return (
    o.taps === undefined ||
    ctx.reject({ path: ["taps"], expected: "left out with form eagle, which reads the last state" })
  )
})

export type EagleOptions = typeof options.infer
