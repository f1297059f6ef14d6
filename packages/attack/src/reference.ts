/**
 * A plain second implementation of two families in double precision: the logits that an accepted folder must give.
 *
 * Letters: T positions, d hidden size, h head size, Q query heads, G key-value heads, V vocabulary.
 * @source names and defaults as in `transformers`, 4.x and 5.x
 */

type Tensors = ReadonlyMap<string, { readonly shape: ReadonlyArray<number>; readonly values: Float64Array }>
type Config = Readonly<Record<string, unknown>>
type Rows = ReadonlyArray<Float64Array>

/** Thrown where this plain reading does not know the meaning of a setting. */
class Unknown extends Error {}

const erf = (x: number): number => {
  // The series where it converges fast; elsewhere the continued fraction of the complement.
  if (Math.abs(x) < 3) {
    let [term, sum] = [x, x]
    for (let n = 1; n < 80; n++) {
      term *= -(x * x) / n
      sum += term / (2 * n + 1)
    }
    return (2 / Math.sqrt(Math.PI)) * sum
  }
  let f = 0
  for (let k = 60; k > 0; k--) f = k / 2 / (Math.abs(x) + f)
  const complement = Math.exp(-x * x) / (Math.sqrt(Math.PI) * (Math.abs(x) + f))
  return Math.sign(x) * (1 - complement)
}
const activations: ReadonlyMap<unknown, (x: number) => number> = new Map([
  ["silu", (x: number) => x / (1 + Math.exp(-x))],
  ["swish", (x: number) => x / (1 + Math.exp(-x))],
  ["gelu", (x: number) => 0.5 * x * (1 + erf(x / Math.SQRT2))],
  ["relu", (x: number) => Math.max(0, x)],
])

const read = <A>(config: Config, key: string, is: (value: unknown) => value is A, standard: A): A => {
  const value = Object.hasOwn(config, key) ? config[key] : undefined
  if (value === undefined || value === null) return standard
  if (!is(value)) throw new Unknown(`${key} is no such value`)
  return value
}
const isNumber = (x: unknown): x is number => typeof x === "number" && Number.isFinite(x)
const isFlag = (x: unknown): x is boolean => typeof x === "boolean"
const isText = (x: unknown): x is string => typeof x === "string"

/** Settings that change numbers and that this reading does not implement. */
const unreadSettings = [
  "rope_scaling",
  "sliding_window",
  "quantization_config",
  "layer_types",
  "logits_scaling",
  "clip_qkv",
]

interface Rope {
  readonly theta: number
  /** Fraction of a head that is rotated; undefined where rope_parameters has none. */
  readonly share: number | undefined
}
const ropeOf = (config: Config, flat: string): Rope => {
  if (unreadSettings.some((key) => config[key] != null)) throw new Unknown("a setting beyond this reading")
  const rope = (Object.hasOwn(config, "rope_parameters") ? config["rope_parameters"] : null) ?? {}
  if (typeof rope !== "object" || Array.isArray(rope)) throw new Unknown("rope_parameters")
  const of = rope as Config
  const rotationBases = new Set([of["rope_theta"], config["rope_theta"], config[flat]].filter((x) => x != null))
  if (rotationBases.size > 1) throw new Unknown("several bases of the rotation")
  if (![undefined, "default"].includes(of["rope_type"] as undefined)) throw new Unknown("rope_type")
  const [theta = 10_000] = rotationBases
  if (!isNumber(theta)) throw new Unknown("rope_theta")
  return {
    theta,
    share: of["partial_rotary_factor"] == null ? undefined : read(of, "partial_rotary_factor", isNumber, 1),
  }
}

/** Heads of new positions rotated, entry i with entry i + rotated / 2. */
const rotate = (x: Float64Array, t: number, h: number, rotated: number, theta: number): Float64Array => {
  const y = Float64Array.from(x)
  for (let head = 0; head < x.length; head += h)
    for (let i = 0; i < rotated / 2; i++) {
      const angle = t * theta ** ((-2 * i) / rotated)
      const [a, b] = [x[head + i]!, x[head + i + rotated / 2]!]
      y[head + i] = a * Math.cos(angle) - b * Math.sin(angle)
      y[head + i + rotated / 2] = b * Math.cos(angle) + a * Math.sin(angle)
    }
  return y
}

/** Causal attention: rows of Q, G and G heads to rows of Q heads. */
const attend = (q: Rows, k: Rows, v: Rows, h: number, Q: number, G: number): Rows =>
  q.map((query, t) => {
    const out = new Float64Array(Q * h)
    for (let head = 0; head < Q; head++) {
      const of = Math.floor(head / (Q / G)) * h
      const scores = Array.from({ length: t + 1 }, (_, s) => {
        let sum = 0
        for (let i = 0; i < h; i++) sum += query[head * h + i]! * k[s]![of + i]!
        return sum / Math.sqrt(h)
      })
      const top = Math.max(...scores)
      const weights = scores.map((x) => Math.exp(x - top))
      const total = weights.reduce((a, b) => a + b, 0)
      for (const [s, w] of weights.entries())
        for (let i = 0; i < h; i++) out[head * h + i]! += (w / total) * v[s]![of + i]!
    }
    return out
  })

/** Refuses sums of squares beyond single precision, where the lab's overflow differs from this reading. */
const inSinglePrecision = (sum: number): number => {
  if (!(sum < 3.4e38)) throw new Unknown("beyond single precision")
  return sum
}

const plus = (...parts: ReadonlyArray<Rows>): Rows =>
  parts[0]!.map((x, t) => x.map((_, i) => parts.reduce((sum, p) => sum + p[t]![i]!, 0)))

/** Readers of a folder's tensors. */
const readersOf = (tensors: Tensors) => {
  const get = (name: string, size?: number) => {
    const tensor = tensors.get(name)
    if (tensor === undefined || (size !== undefined && tensor.values.length !== size)) throw new Unknown(`${name}`)
    return tensor.values
  }
  const linear = (x: Rows, name: string, bias: boolean): Rows => {
    const W = get(`${name}.weight`)
    const d = x[0]!.length
    const b = bias ? get(`${name}.bias`) : undefined
    return x.map((row) =>
      Float64Array.from({ length: W.length / d }, (_, e) => {
        let sum = b?.[e] ?? 0
        for (let i = 0; i < d; i++) sum += W[e * d + i]! * row[i]!
        return sum
      }),
    )
  }
  const embed = (ids: ReadonlyArray<number>, name: string, d: number): Rows =>
    ids.map((id) => get(name).slice(id * d, (id + 1) * d))
  const rmsNorm = (x: Rows, name: string, eps: number): Rows => {
    const g = get(`${name}.weight`)
    return x.map((row) => {
      const scale = 1 / Math.sqrt(inSinglePrecision(row.reduce((s, a) => s + a * a, 0)) / row.length + eps)
      return row.map((a, i) => a * scale * g[i]!)
    })
  }
  const layerNorm = (x: Rows, name: string, eps: number): Rows => {
    const [g, b] = [get(`${name}.weight`), get(`${name}.bias`)]
    return x.map((row) => {
      const mean = row.reduce((s, a) => s + a, 0) / row.length
      const scale = 1 / Math.sqrt(inSinglePrecision(row.reduce((s, a) => s + (a - mean) ** 2, 0)) / row.length + eps)
      return row.map((a, i) => (a - mean) * scale * g[i]! + b[i]!)
    })
  }
  return { linear, embed, rmsNorm, layerNorm }
}

const llama = (config: Config, tensors: Tensors, ids: ReadonlyArray<number>): Rows => {
  const { linear, embed, rmsNorm } = readersOf(tensors)
  const d = read(config, "hidden_size", isNumber, Number.NaN)
  const L = read(config, "num_hidden_layers", isNumber, Number.NaN)
  const Q = read(config, "num_attention_heads", isNumber, Number.NaN)
  const G = read(config, "num_key_value_heads", isNumber, Q)
  const h = read(config, "head_dim", isNumber, Math.floor(d / Q))
  const eps = read(config, "rms_norm_eps", isNumber, 1e-6)
  const act = activations.get(read(config, "hidden_act", isText, "silu"))
  const bias = read(config, "attention_bias", isFlag, false)
  const wide = read(config, "mlp_bias", isFlag, false)
  const { theta, share } = ropeOf(config, "rope_theta")
  if (act === undefined || (share ?? 1) !== 1 || (config["partial_rotary_factor"] ?? 1) !== 1)
    throw new Unknown("settings")
  let x = embed(ids, "model.embed_tokens.weight", d)
  for (let l = 0; l < L; l++) {
    const at = `model.layers.${l}`
    const y = rmsNorm(x, `${at}.input_layernorm`, eps)
    const [q, k, v] = (["q", "k", "v"] as const).map((p) => linear(y, `${at}.self_attn.${p}_proj`, bias)) as [
      Rows,
      Rows,
      Rows,
    ]
    const turned = (rows: Rows) => rows.map((row, t) => rotate(row, t, h, h, theta))
    x = plus(x, linear(attend(turned(q), turned(k), v, h, Q, G), `${at}.self_attn.o_proj`, bias))
    const z = rmsNorm(x, `${at}.post_attention_layernorm`, eps)
    const [gate, up] = [linear(z, `${at}.mlp.gate_proj`, wide), linear(z, `${at}.mlp.up_proj`, wide)]
    x = plus(
      x,
      linear(
        gate.map((row, t) => row.map((g, i) => act(g) * up[t]![i]!)),
        `${at}.mlp.down_proj`,
        wide,
      ),
    )
  }
  const head = read(config, "tie_word_embeddings", isFlag, false) ? "model.embed_tokens" : "lm_head"
  return linear(rmsNorm(x, "model.norm", eps), head, false)
}

const gptNeox = (config: Config, tensors: Tensors, ids: ReadonlyArray<number>): Rows => {
  const { linear, embed, layerNorm } = readersOf(tensors)
  const d = read(config, "hidden_size", isNumber, Number.NaN)
  const L = read(config, "num_hidden_layers", isNumber, Number.NaN)
  const Q = read(config, "num_attention_heads", isNumber, Number.NaN)
  const h = Math.floor(d / Q)
  const eps = read(config, "layer_norm_eps", isNumber, 1e-5)
  const act = activations.get(read(config, "hidden_act", isText, "gelu"))
  const bias = read(config, "attention_bias", isFlag, true)
  const parallel = read(config, "use_parallel_residual", isFlag, true)
  const { theta, share } = ropeOf(config, "rotary_emb_base")
  const shares = new Set([share, config["rotary_pct"]].filter((s) => s != null))
  const [part = 0.25] = shares
  if (
    act === undefined ||
    shares.size > 1 ||
    !isNumber(part) ||
    config["head_dim"] != null ||
    config["partial_rotary_factor"] != null
  )
    throw new Unknown("settings")
  const rotated = Math.floor(h * part)
  let x = embed(ids, "gpt_neox.embed_in.weight", d)
  for (let l = 0; l < L; l++) {
    const at = `gpt_neox.layers.${l}`
    const packed = linear(layerNorm(x, `${at}.input_layernorm`, eps), `${at}.attention.query_key_value`, bias)
    // Each head holds its query, its key and its value.
    const part = (which: number) =>
      packed.map((row) =>
        Float64Array.from({ length: d }, (_, i) => row[Math.floor(i / h) * 3 * h + which * h + (i % h)]!),
      )
    const turned = (rows: Rows) => rows.map((row, t) => rotate(row, t, h, rotated, theta))
    const attended = linear(attend(turned(part(0)), turned(part(1)), part(2), h, Q, Q), `${at}.attention.dense`, bias)
    const feed = (y: Rows) =>
      linear(
        linear(layerNorm(y, `${at}.post_attention_layernorm`, eps), `${at}.mlp.dense_h_to_4h`, true).map((row) =>
          row.map(act),
        ),
        `${at}.mlp.dense_4h_to_h`,
        true,
      )
    const middle = plus(x, attended)
    x = parallel ? plus(middle, feed(x)) : plus(middle, feed(middle))
  }
  const head = read(config, "tie_word_embeddings", isFlag, false) ? "gpt_neox.embed_in" : "embed_out"
  return linear(layerNorm(x, "gpt_neox.final_layer_norm", eps), head, false)
}

/**
 * Logits of some ids by position; undefined where this plain reading does not know the meaning of the folder.
 *
 * @param config the value in config.json
 */
export const referenceLogits = (config: unknown, tensors: Tensors, ids: ReadonlyArray<number>): Rows | undefined => {
  if (typeof config !== "object" || config === null) return undefined
  const of = config as Config
  try {
    if (of["model_type"] === "llama") return llama(of, tensors, ids)
    return of["model_type"] === "gpt_neox" ? gptNeox(of, tensors, ids) : undefined
  } catch (error) {
    if (error instanceof Unknown || error instanceof RangeError || error instanceof TypeError) return undefined
    throw error
  }
}
