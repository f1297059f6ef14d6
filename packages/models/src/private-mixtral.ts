/**
 * A private part with a gate in the layout of a mixture of two experts, Mixtral's: both experts are chosen for each token, and
 * their weights are one softmax over two, which is the gate. The private expert is filled up with columns of zeros, which add
 * nothing; the factor 2 goes into both output matrices, exactly.
 */
import { join } from "node:path"
import { type Attends, type DataError, type Encoder, InvalidInput } from "@winnow/core"
import { writeWhole } from "@winnow/files"
import type { Effect } from "effect"
import { configText } from "./config-text.ts"
import { attempt, withDataErrors } from "./data-errors.ts"
import { isPrivate, privateFormOf, sharedConfig } from "./private-part.ts"
import { type TensorSource, writeSafetensors } from "./safetensors.ts"

/** Families whose layers, but for the feed-forward, are Mixtral's. */
const families: ReadonlySet<string> = new Set(["llama", "mistral"])

/** Keys of config.json that Mixtral reads as these families do. */
const kept = [
  ...["vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"],
  ...[
    "num_key_value_heads",
    "head_dim",
    "hidden_act",
    "max_position_embeddings",
    "rms_norm_eps",
    "tie_word_embeddings",
  ],
  ...["rope_parameters", "rope_theta", "sliding_window", "bos_token_id", "eos_token_id", "pad_token_id", "dtype"],
] as const

/** A matrix [rows, columns] with zeros to the right of and below its values. */
const filled = (values: Float32Array, [e, d]: readonly [number, number], rows: number, columns: number, by = 1) => {
  const all = new Float32Array(rows * columns)
  for (let i = 0; i < e; i++) for (let j = 0; j < d; j++) all[i * columns + j] = by * values[i * d + j]!
  return all
}

/**
 * Writes a model with a private part and a gate as a Mixtral folder of two experts: config.json and model.safetensors. It
 * computes the same function, in engines that serve Mixtral too.
 *
 * @param extra further keys of config.json, such as `eos_token_id`
 * @error InvalidInput for another family, biases, a private part without a gate (`mergePrivate`), or one of more columns than
 * the shared part; DataError if a file cannot be written
 */
export const saveMixtral = (
  { architecture, parameters }: Encoder<Attends>,
  dir: string,
  extra: Readonly<Record<string, unknown>> = {},
): Effect.Effect<void, DataError | InvalidInput> =>
  attempt(() => {
    const config = sharedConfig(architecture.config)
    const form = privateFormOf(architecture)
    const m = config["intermediate_size"] as number
    const fail = (problem: string) => new InvalidInput({ what: "a mixture of experts", problems: [problem] })
    if (form === undefined) throw fail("the model has no private part; save it as it is")
    if (form.gate === "none") throw fail("the private part has no gate; merge it into a plain model")
    if (!families.has(architecture.type) || architecture.headRows !== undefined)
      throw fail(`${architecture.type} is not laid out like Mixtral; there are ${[...families].join(", ")}`)
    const bias = [...architecture.parameters.keys()].find((name) => name.endsWith(".bias"))
    if (bias !== undefined) throw fail(`Mixtral has no biases, and the model has ${bias}`)
    if (form.size > m)
      throw fail(`the private part has ${form.size} columns, the shared one ${m}, which all experts have`)
    const value = (name: string) => parameters.get(name)!.dataSync() as Float32Array
    const shapeOf = (name: string) => architecture.parameters.get(name)!.shape as readonly [number, number]
    const tensors: Array<TensorSource> = []
    const put = (name: string, shape: ReadonlyArray<number>, data: () => Float32Array) =>
      tensors.push({ name, shape, data })
    for (const [name, { shape }] of architecture.parameters) {
      const [, layer, leaf] = /^(model\.layers\.\d+\.)mlp\.(\w+)_proj\.weight$/.exec(name) ?? []
      if (isPrivate(name)) continue
      if (layer === undefined) {
        put(name, shape, () => value(name))
        continue
      }
      const moe = `${layer}block_sparse_moe.`
      const own = `${layer}mlp.private.`
      const matrix = { gate: "w1", down: "w2", up: "w3" }[leaf as "gate" | "down" | "up"]
      const by = leaf === "down" ? 2 : 1
      const [rows, columns] = shape as readonly [number, number]
      put(`${moe}experts.0.${matrix}.weight`, shape, () => filled(value(name), [rows, columns], rows, columns, by))
      const privateName = `${own}${leaf}.weight`
      put(`${moe}experts.1.${matrix}.weight`, shape, () =>
        filled(value(privateName), shapeOf(privateName), rows, columns, by),
      )
      if (leaf === "gate")
        put(`${moe}gate.weight`, [2, columns], () =>
          Float32Array.from([...value(`${own}weigh_shared`), ...value(`${own}weigh_own`)]),
        )
    }
    writeSafetensors(join(dir, "model.safetensors"), tensors)
    const read = Object.fromEntries(kept.flatMap((key) => (config[key] === undefined ? [] : [[key, config[key]]])))
    const written = {
      ...read,
      architectures: ["MixtralForCausalLM"],
      model_type: "mixtral",
      num_local_experts: 2,
      num_experts_per_tok: 2,
      ...extra,
    }
    withDataErrors(() => writeWhole(join(dir, "config.json"), configText(written)))
  })
