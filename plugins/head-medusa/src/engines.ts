/**
 * The folder that vLLM reads of Medusa's heads: config.json of its `MedusaConfig`, and tensors by the names of its model.
 *
 * @source vLLM's transformers_utils/configs/medusa.py and model_executor/models/medusa.py, as of 2026
 */
import { type Engine, type HeadFolder, type HeadValues, InvalidInput, type TargetSizes } from "@winnow/core"

/** The options that the layout depends on. */
interface Layout {
  readonly heads: number
  readonly blocks: number
  readonly bias: boolean
  /** The heads read the target's vocabulary head. */
  readonly tied: boolean
}

/** The folder of an engine. @error InvalidInput (thrown) for SGLang, and for a target whose vocabulary head has a bias */
export const engineFolder = (
  engine: Engine,
  { heads, blocks, bias, tied }: Layout,
  { hiddenSize, streamSize = hiddenSize, vocabularySize }: TargetSizes,
  { parameters, target }: HeadValues,
): HeadFolder => {
  const refuse = (problem: string) => new InvalidInput({ what: "head medusa", problems: [problem] })
  if (engine !== "vllm") throw refuse(`${engine} reads no Medusa heads; write them for vllm`)
  if (streamSize !== hiddenSize)
    throw refuse("vLLM's Medusa has no vocabulary head with a bias, and this target's has one")
  const own = Array.from(parameters, ([name, variable]) => ({
    name,
    shape: variable.shape,
    data: () => variable.dataSync() as Float32Array,
  }))
  const head = tied ? target.head_Vd : undefined
  return {
    config: {
      ...{ architectures: ["MedusaModel"], model_type: "medusa" },
      ...{ hidden_size: hiddenSize, vocab_size: vocabularySize, truncated_vocab_size: vocabularySize },
      ...{ num_heads: heads, num_hidden_layers: blocks, medusa_fc_bias: bias, original_lm_head: tied },
      dtype: "float32",
    },
    tensors: [
      ...own,
      ...(head ? [{ name: "lm_heads.0.weight", shape: head.shape, data: () => head.dataSync() as Float32Array }] : []),
    ],
  }
}
