/**
 * The folders that vLLM and SGLang read of the head: config.json, and tensors. Both take the target's token embedding, and
 * for the first form its vocabulary head, where the folder has none.
 *
 * Letters as in layer.ts.
 * @source vLLM's llama_eagle.py, llama_eagle3.py and configs/eagle.py, and SGLang's llama_eagle.py and llama_eagle3.py, as of
 * 2026
 */
import { type Engine, type HeadFolder, type HeadValues, InvalidInput, type Parameters } from "@winnow/core"
import type { LayerSizes } from "./layer.ts"

/**
 * The numbers of the layers whose states EAGLE-3's form reads. vLLM counts as hiddenByLayer does; SGLang names a state by
 * the layer that wrote it, so the embedding has no number there.
 */
const tapsFor = (engine: Engine, layers: ReadonlyArray<number>): Record<string, unknown> => {
  if (engine === "vllm") return { eagle_aux_hidden_state_layer_ids: layers }
  if (layers.includes(0))
    throw new InvalidInput({
      what: "head eagle",
      problems: [
        "reads the target's embedding as a layer's state, which SGLang does not give; train it with other taps",
      ],
    })
  return {
    eagle_config: { use_aux_hidden_state: true, eagle_aux_hidden_state_layer_ids: layers.map((layer) => layer - 1) },
  }
}

/** vLLM makes its own name of the first form's class from that of the layer's family. */
const classFor = (engine: Engine, form: LayerSizes["form"]): string => {
  if (form === "eagle3") return "LlamaForCausalLMEagle3"
  return engine === "vllm" ? "LlamaForCausalLM" : "LlamaForCausalLMEagle"
}

type Tensors = Array<HeadFolder["tensors"][number]>

const tensorsOf = (parameters: Parameters): Tensors =>
  Array.from(parameters, ([name, variable]) => ({
    name,
    shape: variable.shape,
    data: () => variable.dataSync() as Float32Array,
  }))

const joined = (a: Float32Array, b: Float32Array): Float32Array => {
  const values = new Float32Array(a.length + b.length)
  values.set(a)
  values.set(b, a.length)
  return values
}

/** A private feed-forward that is added, as the last columns of a wider one: the same function. */
const merged = (parameters: Parameters): Tensors => {
  const all = tensorsOf(parameters)
  const partOf = (name: string) =>
    all.find((one) => one.name === name.replace(/mlp\.(gate|up|down)_proj/, "mlp.private.$1"))
  return all.flatMap((tensor) => {
    const { name, shape, data } = tensor
    const other = /mlp\.(gate|up|down)_proj/.test(name) ? partOf(name) : undefined
    if (other === undefined) return name.includes(".private.") ? [] : [tensor]
    const [rows, columns] = shape as [number, number]
    const [more, wide] = other.shape as [number, number]
    if (!name.includes("down_proj"))
      return [{ name, shape: [rows + more, columns], data: () => joined(data(), other.data()) }]
    const sideBySide = () => {
      const [ours, theirs] = [data(), other.data()]
      const values = new Float32Array(rows * (columns + wide))
      for (let r = 0; r < rows; r++) {
        values.set(ours.subarray(r * columns, (r + 1) * columns), r * (columns + wide))
        values.set(theirs.subarray(r * wide, (r + 1) * wide), r * (columns + wide) + columns)
      }
      return values
    }
    return [{ name, shape: [rows, columns + wide], data: sideBySide }]
  })
}

/** The folder of an engine. @error InvalidInput (thrown) for a head that the engine cannot compute */
export const engineFolder = (
  engine: Engine,
  { form, d, m, V, heads, theta, eps, std, maxLength, ownHead, private: own }: LayerSizes,
  layers: ReadonlyArray<number> | undefined,
  { parameters, target }: HeadValues,
): HeadFolder => {
  if (own?.gate === "joint")
    throw new InvalidInput({
      what: "head eagle",
      problems: [
        `has a private part whose gate weighs it by each token, which ${engine} does not compute; train it with gate none, or export it in Winnow's own form`,
      ],
    })
  const config = {
    architectures: [classFor(engine, form)],
    model_type: "llama",
    ...{ hidden_size: d, intermediate_size: m + (own?.size ?? 0), vocab_size: V, num_hidden_layers: 1 },
    num_attention_heads: heads.heads,
    num_key_value_heads: heads.kvHeads,
    head_dim: heads.headSize,
    ...{ hidden_act: "silu", rms_norm_eps: eps, initializer_range: std, max_position_embeddings: maxLength },
    ...{ rope_theta: theta, rope_parameters: { rope_type: "default", rope_theta: theta } },
    ...{ attention_bias: false, mlp_bias: false, bias: false, tie_word_embeddings: false, use_cache: true },
    dtype: "float32",
    ...(form === "eagle3" && { draft_vocab_size: V, ...tapsFor(engine, layers!) }),
  }
  const tensors = own ? merged(parameters) : tensorsOf(parameters)
  // SGLang's first form always has this bias, and leaves it random where the folder has none.
  if (form === "eagle" && engine === "sglang")
    tensors.push({ name: "fc.bias", shape: [d], data: () => new Float32Array(d) })
  // Neither gives EAGLE-3's form the target's vocabulary head in every version.
  if (form === "eagle3" && !ownHead) {
    const head = target.head_Vd
    tensors.push({ name: "lm_head.weight", shape: head.shape, data: () => head.dataSync() as Float32Array })
  }
  return { config, tensors }
}
