/**
 * Rotary frequencies, plain and scaled to longer contexts.
 *
 * Letters: r rotated entries of a head, f factor, L context before scaling.
 * @source `transformers` 5, modeling_rope_utils.py; Peng et al. 2309.00071 (YaRN); Llama 3.1 ("llama3")
 */
import { type } from "arktype"

/**
 * The method that scales frequencies to longer contexts; its keys have their meaning in `rope_parameters` of `transformers`.
 */
export const ropeScaling = type({ "+": "reject", rope_type: "'linear'", factor: "number > 0" })
  .or({
    "+": "reject",
    /** Without effect up to `max_position_embeddings`, and no sequence here exceeds that. */
    rope_type: "'dynamic'",
    factor: "number > 0",
  })
  .or({
    "+": "reject",
    rope_type: "'llama3'",
    factor: "number > 0",
    low_freq_factor: "number > 0",
    high_freq_factor: "number > 0",
    original_max_position_embeddings: "number > 0",
  })
  .or({
    "+": "reject",
    rope_type: "'yarn'",
    factor: "number > 0",
    original_max_position_embeddings: "number > 0",
    /** Factor of cosines and sines; computed from `factor`, `mscale` and `mscale_all_dim` if left out. */
    "attention_factor?": "number > 0",
    "mscale?": "number >= 0",
    "mscale_all_dim?": "number >= 0",
    "beta_fast?": "number > 0",
    "beta_slow?": "number > 0",
    "truncate?": "boolean",
  })

/**
 * Phi-3's: a factor for each pair of rotated entries. `short_factor` is for sequences up to the length before scaling;
 * `long_factor` is for all tokens of longer sequences, which are not computed here.
 */
export const longRope = type({
  "+": "reject",
  rope_type: "'longrope'",
  short_factor: "(number > 0)[]",
  long_factor: "(number > 0)[]",
  /** Most positions over those before scaling if left out. */
  "factor?": "number > 0",
  /** Factor of cosines and sines; computed from `factor` if left out. */
  "attention_factor?": "number > 0",
})

/** LongRoPE with the numbers that other fields of config.json say. */
type LongRope = typeof longRope.infer & { readonly factor: number; readonly original_max_position_embeddings: number }

export type RopeScaling = typeof ropeScaling.infer | LongRope
type Yarn = Extract<RopeScaling, { rope_type: "yarn" }>
type Llama3 = Extract<RopeScaling, { rope_type: "llama3" }>

export interface Frequencies {
  /** Radians a position, one a pair of rotated entries. */
  readonly frequencies: Float32Array
  /** Factor of all cosines and sines. */
  readonly attention: number
}

/** theta^(2i / r), in float32 as in PyTorch: at position 2000 another rounding of the angle would change results visibly. */
const wavelengths = (theta: number, r: number): Float32Array =>
  Float32Array.from({ length: Math.ceil(r / 2) }, (_, i) => theta ** Math.fround((2 * i) / r))

const llama3 = (plain: Float32Array, s: Llama3): Float32Array => {
  const [low, high, L] = [s.low_freq_factor, s.high_freq_factor, s.original_max_position_embeddings]
  return plain.map((frequency) => {
    const wave = (2 * Math.PI) / frequency
    if (wave < L / high) return frequency
    if (wave > L / low) return frequency / s.factor
    const smooth = (L / wave - low) / (high - low)
    return ((1 - smooth) * frequency) / s.factor + smooth * frequency
  })
}

const yarnAttention = ({ factor, attention_factor, mscale, mscale_all_dim }: Yarn): number => {
  const scale = (by: number) => (factor <= 1 ? 1 : 0.1 * by * Math.log(factor) + 1)
  return attention_factor ?? (mscale && mscale_all_dim ? scale(mscale) / scale(mscale_all_dim) : scale(1))
}

/** High frequencies stay, low frequencies are divided by the factor, frequencies between them are interpolated. */
const yarn = (waves: Float32Array, theta: number, r: number, s: Yarn): Float32Array => {
  const { factor, original_max_position_embeddings: L, beta_fast = 32, beta_slow = 1, truncate = true } = s
  const entryOf = (turns: number) => (r * Math.log(L / (turns * 2 * Math.PI))) / (2 * Math.log(theta))
  const low = Math.max(truncate ? Math.floor(entryOf(beta_fast)) : entryOf(beta_fast), 0)
  const upper = Math.min(truncate ? Math.ceil(entryOf(beta_slow)) : entryOf(beta_slow), r - 1)
  const high = upper === low ? upper + 0.001 : upper
  return waves.map((wave, i) => {
    const stretched = Math.min(1, Math.max(0, (i - low) / (high - low)))
    return (1 / (factor * wave)) * stretched + (1 / wave) * (1 - stretched)
  })
}

const longRopeAttention = ({ factor, attention_factor, original_max_position_embeddings: L }: LongRope): number =>
  attention_factor ?? (factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(L)))

/** True if this method can scale that number of entries; `transformers` fails otherwise. */
export const scalingFits = (scaling: typeof ropeScaling.infer | undefined, r: number): boolean =>
  scaling === undefined || scaling.rope_type === "linear" || scaling.rope_type === "llama3" || (r > 2 && r % 2 === 0)

/** The frequencies of r entries. */
export const rotaryFrequencies = (theta: number, r: number, scaling?: RopeScaling): Frequencies => {
  const waves = wavelengths(theta, r)
  const plain = waves.map((wave) => 1 / wave)
  switch (scaling?.rope_type) {
    case "linear":
      return { frequencies: plain.map((frequency) => frequency / scaling.factor), attention: 1 }
    case "llama3":
      return { frequencies: llama3(plain, scaling), attention: 1 }
    case "yarn":
      return { frequencies: yarn(waves, theta, r, scaling), attention: yarnAttention(scaling) }
    case "longrope": {
      const factors = Float32Array.from(scaling.short_factor)
      return {
        frequencies: waves.map((wave, i) => 1 / Math.fround(factors[i]! * wave)),
        attention: longRopeAttention(scaling),
      }
    }
    default:
      return { frequencies: plain, attention: 1 }
  }
}
