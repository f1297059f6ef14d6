/**
 * The head's formulas in plain loops and double precision, one position at a time, as decoding computes them: the true
 * features up to a position, then a chain of the head's own.
 *
 * Letters: d hidden size, h head size.
 */
import type { LayerSizes } from "./layer.ts"
import { layerPrefix } from "./layer.ts"

type Row = ReadonlyArray<number>

/** Parameters by name. */
export type SlowValues = ReadonlyMap<string, Float32Array>

const product = (x: Row, weight: Float32Array): Array<number> =>
  Array.from({ length: weight.length / x.length }, (_, e) =>
    x.reduce((sum, value, i) => sum + value * weight[e * x.length + i]!, 0),
  )
const plus = (a: Row, b: Row): Row => a.map((value, i) => value + b[i]!)
const rms = (x: Row, scale: Float32Array, eps: number): Row => {
  const size = Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length + eps)
  return x.map((value, i) => (value / size) * scale[i]!)
}
/** Each head turned by its position; halves are not interleaved. */
const turned = (x: Row, position: number, h: number, theta: number): Row =>
  x.map((value, i) => {
    const [at, half] = [i % h, h / 2]
    const angle = position / theta ** ((2 * (at % half)) / h)
    return value * Math.cos(angle) + (at < half ? -x[i + half]! : x[i - half]!) * Math.sin(angle)
  })

interface Keys {
  readonly k: Row
  readonly v: Row
}

/** The feed-forward, with the private one beside it, weighed by a softmax over both or added. */
const feedForward = (
  { form, private: own }: LayerSizes,
  values: SlowValues,
  normed: Row,
  feed: (gate: string, up: string, down: string) => Row,
): Row => {
  const shared = feed("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")
  if (own === undefined) return shared
  const theirs = feed("mlp.private.gate", "mlp.private.up", "mlp.private.down")
  const by = (name: string) => product(normed, values.get(`${layerPrefix(form)}mlp.private.${name}`)!)[0]!
  const share = own.gate === "joint" ? 1 / (1 + Math.exp(by("weigh_own") - by("weigh_shared"))) : 0.5
  return shared.map((x, i) => 2 * (share * x + (1 - share) * theirs[i]!))
}

/** The feature and the state after a feature, a token and the keys before; adds its keys. */
const stepOf = (of: LayerSizes, values: SlowValues, feature: Row, token: Row, position: number, keys: Array<Keys>) => {
  const { form, heads, theta, eps } = of
  const { heads: Q, kvHeads: G, headSize: h } = heads
  const value = (name: string) => values.get(`${layerPrefix(form)}${name}.weight`)!
  const x = form === "eagle" ? product([...token, ...feature], values.get("fc.weight")!) : feature
  const read =
    form === "eagle" ? x : [...rms(token, value("input_layernorm"), eps), ...rms(feature, value("hidden_norm"), eps)]
  const q = turned(product(read, value("self_attn.q_proj")), position, h, theta)
  keys.push({
    k: turned(product(read, value("self_attn.k_proj")), position, h, theta),
    v: product(read, value("self_attn.v_proj")),
  })
  const context: Array<number> = []
  for (let head = 0; head < Q; head++) {
    const from = Math.floor(head / (Q / G)) * h
    const scores = keys.map(({ k }) => {
      let sum = 0
      for (let i = 0; i < h; i++) sum += q[head * h + i]! * k[from + i]!
      return Math.exp(sum / Math.sqrt(h))
    })
    const all = scores.reduce((a, b) => a + b)
    for (let i = 0; i < h; i++) context.push(keys.reduce((sum, { v }, s) => sum + (scores[s]! / all) * v[from + i]!, 0))
  }
  const attended = plus(x, product(context, value("self_attn.o_proj")))
  const normed = rms(attended, value("post_attention_layernorm"), eps)
  const feed = (gateName: string, upName: string, downName: string) => {
    const [gate, up] = [product(normed, value(gateName)), product(normed, value(upName))]
    const wide = gate.map((u, i) => (u / (1 + Math.exp(-u))) * up[i]!)
    return product(wide, value(downName))
  }
  const next = plus(attended, feedForward(of, values, normed, feed))
  return { feature: next, state: form === "eagle" ? next : rms(next, values.get("norm.weight")!, eps) }
}

/**
 * The features and states of a chain of `steps` from position t of a sequence.
 *
 * @param target the first feature of each position: the target's last state, or the three layers' side by side
 * @param tokens the embedding of each token of the sequence; the chain reads those at t + 1 to t + steps
 */
export const slowChain = (
  of: LayerSizes,
  values: SlowValues,
  target: ReadonlyArray<Row>,
  tokens: ReadonlyArray<Row>,
  t: number,
  steps: number,
): ReadonlyArray<{ readonly feature: Row; readonly state: Row }> => {
  const keys: Array<Keys> = []
  const first = (position: number): Row =>
    of.form === "eagle" ? target[position]! : product(target[position]!, values.get("fc.weight")!)
  let last = stepOf(of, values, first(0), tokens[1]!, 0, keys)
  for (let position = 1; position <= t; position++)
    last = stepOf(of, values, first(position), tokens[position + 1]!, position, keys)
  const chain = [last]
  for (let s = 2; s <= steps; s++) {
    last = stepOf(of, values, last.feature, tokens[t + s]!, t + s - 1, keys)
    chain.push(last)
  }
  return chain
}
