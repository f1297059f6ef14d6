/**
 * Families with one list of layers that differ only in the range of attention: for tests of encoders beside decoders.
 */
import type { Attends, ParameterSpec } from "@winnow/core"
import { type Description, defineFamily, layerCount, normal, ones, size, used, zeros } from "@winnow/models"
import { type } from "arktype"

const options = type({
  "+": "reject",
  vocab_size: size,
  width: size,
  depth: layerCount,
  heads: size,
  length: size,
  "std?": "number > 0",
})

const describe = <A extends Attends>(name: string, attends: A, o: typeof options.infer): Description<A> => {
  const { width: d, std = 0.3 } = o
  const parameters = new Map<string, ParameterSpec>([[`${name}.tokens.weight`, normal([o.vocab_size, d], std)]])
  const normed = (at: string) => {
    parameters.set(`${at}.weight`, ones(d)).set(`${at}.bias`, zeros(d))
    return { kind: "layer", scale: `${at}.weight`, shift: `${at}.bias`, eps: 1e-5 } as const
  }
  const matrix = (at: string, outputs: number, inputs: number) => {
    parameters.set(`${at}.weight`, normal([outputs, inputs], std)).set(`${at}.bias`, zeros(outputs))
    return [{ weight: `${at}.weight`, bias: `${at}.bias` }]
  }
  const layers = Array.from({ length: o.depth }, (_, l): Description["layers"][number] => {
    const at = `${name}.layers.${l}`
    return [
      { op: "norm", from: "x", to: "normed", ...normed(`${at}.norm`) },
      { op: "linear", from: "normed", to: "packed", of: matrix(`${at}.qkv`, 3 * d, d) },
      { op: "attend", from: "packed", to: "context" },
      { op: "linear", from: "context", to: "x", of: matrix(`${at}.out`, d, d), add: true },
      { op: "norm", from: "x", to: "normed", ...normed(`${at}.feed_norm`) },
      { op: "linear", from: "normed", to: "wide", of: matrix(`${at}.up`, 2 * d, d), activation: "gelu" },
      { op: "linear", from: "wide", to: "x", of: matrix(`${at}.down`, d, 2 * d), add: true },
    ]
  })
  return {
    type: name,
    attends,
    config: { ...o, model_type: name },
    vocabularySize: o.vocab_size,
    hiddenSize: d,
    maxLength: o.length,
    parameters,
    heads: { heads: o.heads, kvHeads: o.heads, headSize: d / o.heads, order: "kinds" },
    rotary: { rotated: d / o.heads, theta: 10000 },
    embed: { table: `${name}.tokens.weight` },
    layers,
    norm: normed(`${name}.norm`),
    head: { weight: `${name}.tokens.weight` },
  }
}

const familyOf = <A extends Attends>(name: string, attends: A) =>
  defineFamily({
    name,
    options,
    describe: (o) => describe(name, attends, o),
    config: {
      fields: ["width", "depth", "heads", "length", "std"].map((key) => [key, used("a size")] as const),
      defaults: {},
      activation: { key: "activation", names: {} },
    },
    names: {
      trunk: `${name}.`,
      anchor: "layers.0.norm.weight",
      layer: /^layers\.(\d+)\./,
      base: /^(layers|tokens|norm)\./,
      embed: `${name}.tokens.weight`,
      heads: ["lm_head"],
      buffers: /^$/,
    },
  })

/** An encoder: `bothWays({ vocab_size: 23, width: 16, depth: 2, heads: 4, length: 24 })`. */
export const bothWays = familyOf("both_ways", "both")
/** The same layers with attention to earlier positions. */
export const oneWay = familyOf("one_way", "before")
