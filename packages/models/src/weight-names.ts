/** Names of tensors in a file, and their parameters: checkpoints wrap, prefix and shorten names. */
import type { Architecture, Attends, FileNames } from "@winnow/core"
import { tensorsOf } from "./stored.ts"

/** Segments that wrappers of PyTorch put into names: torch.compile, DataParallel, FSDP, activation checkpointing. */
const wrappers = /(^|\.)(_orig_mod|module|_fsdp_wrapped_module|_checkpoint_wrapped_module)(?=\.)/g

/** A name without the segments of wrappers. */
const unwrapped = (name: string): string => name.replace(wrappers, "").replace(/^\./, "")

/** True of buffers that most decoders' checkpoints have carried beside their parameters: masks, rotary tables, positions. */
export const commonBuffers =
  /(^|\.)((attention|self_attn|attn)\.(bias|masked_bias)|rotary_emb\.\w+|inv_freq|position_ids|rope\.freqs|causal_mask)$/

const quantised =
  /\.(qweight|qzeros|scales|g_idx|absmax|quant_map|nested_absmax|nested_quant_map|weight_scale|weight_scale_inv|weight_packed|weight_shape|SCB|weight_format|biases)$|\.quant_state\./
const adapter = /(^|\.)(lora_[AB]|lora_embedding_[AB]|base_layer|lora_magnitude_vector|ia3_l|hada_w1_a)(\.|$)/

/** The parameters of a file or of several. */
export interface NamedWeights {
  /** From a parameter's name to its name in the file; the head has an entry with tied embeddings too, if the file has it. */
  readonly byParameter: ReadonlyMap<string, string>
  /** Name of the head's parameter where it is not tied. */
  readonly head: string
  readonly embed: string
  /** Layers that the file has. */
  readonly layers: number
  /** Reasons not to read the file. */
  readonly problems: ReadonlyArray<string>
  /** Tensors that no computation here reads: heads of other tasks. */
  readonly beside: ReadonlyArray<string>
}

/** The prefix of names in the file before their layers; undefined if there is none or several. */
const prefixOf = (names: ReadonlyMap<string, string>, { trunk, anchor }: FileNames): string | undefined => {
  if (names.has(trunk + anchor)) return trunk
  const matches = [...names.keys()].filter((name) => name === anchor || name.endsWith(`.${anchor}`))
  return matches.length === 1 ? matches[0]!.slice(0, -anchor.length) : undefined
}

/** The tensor of each parameter of a family's model; no architecture is needed yet. */
export const nameWeights = (of: FileNames, names: Iterable<string>): NamedWeights => {
  const { trunk, embed, heads, layer: layerNumber, base, buffers, outside } = of
  const [head, bias] = [`${heads[0]}.weight`, `${heads[0]}.bias`]
  const problems: Array<string> = []
  const inFile = new Map<string, string>()
  for (const name of names) {
    const plain = unwrapped(name)
    const before = inFile.get(plain)
    if (before === undefined) inFile.set(plain, name)
    else problems.push(`${before} and ${name} would be one parameter`)
  }
  const prefix = prefixOf(inFile, of) ?? trunk
  const outer = prefix.endsWith(trunk) ? prefix.slice(0, -trunk.length) : prefix
  const byParameter = new Map<string, string>()
  const beside: Array<string> = []
  const layers = new Set<string>()
  const isHead = (plain: string) =>
    heads.find((kind) => [outer, prefix, ""].some((before) => plain.startsWith(`${before}${kind}.`)))
  for (const [plain, name] of inFile) {
    if (buffers.test(plain)) continue
    const kind = isHead(plain)
    if (kind !== undefined) {
      // a bias is judged with the architecture
      const parameter = plain.endsWith(`${kind}.bias`) ? bias : head
      if (parameter === head && !plain.endsWith(`${kind}.weight`))
        problems.push(`${name} would change the logits: the head has a weight alone`)
      else if (byParameter.has(parameter)) problems.push(`${byParameter.get(parameter)} and ${name} are both the head`)
      else byParameter.set(parameter, name)
    } else if (outside?.test(plain)) byParameter.set(plain, name)
    else if (plain.startsWith(prefix) && (prefix !== "" || base.test(plain))) {
      const inner = plain.slice(prefix.length)
      byParameter.set(trunk + inner, name)
      const layer = layerNumber.exec(inner)?.[1]
      if (layer !== undefined) layers.add(layer)
    } else beside.push(name)
  }
  return { byParameter, head, embed, layers: layers.size, problems, beside }
}

/** The reason why tensors with these names cannot be read; undefined if there is none. */
const strange = (names: Iterable<string>): string | undefined => {
  for (const name of names) {
    if (quantised.test(name))
      return `the weights are quantised (${name}); save the model in float32, float16 or bfloat16`
    if (adapter.test(name))
      return `an adapter (LoRA) is in the weights (${name}); merge it with merge_and_unload of peft, and save the model`
  }
  return undefined
}

/** Reasons why the tensors cannot be the architecture's: missing, misshapen or unexpected ones. */
export const weightProblems = (
  architecture: Architecture<Attends>,
  { byParameter, head, embed, problems, beside }: NamedWeights,
  shapeOf: (name: string) => ReadonlyArray<number>,
): ReadonlyArray<string> => {
  const odd = strange([...byParameter.values(), ...beside])
  if (odd !== undefined) return [odd]
  const tied = architecture.head === embed
  const expected = new Map(
    architecture.parameters
      .keys()
      .flatMap((name) => tensorsOf(architecture, name))
      .map(({ name, shape }) => [name, shape] as const),
  )
  const missing = [...expected].flatMap(([name, shape]) => {
    const at = byParameter.get(name) ?? (tied && name === embed ? byParameter.get(head) : undefined)
    if (at === undefined)
      return name === head
        ? [`${name} is missing; if the head is the embedding, config.json needs "tie_word_embeddings": true`]
        : [`${name} is missing`]
    return shapeOf(at).join() === shape.join()
      ? []
      : [`${at} has shape [${shapeOf(at)}], config.json makes it [${shape}]`]
  })
  const copy = tied ? byParameter.get(head) : undefined
  const size = expected.get(embed)!
  if (copy !== undefined && shapeOf(copy).join() !== size.join())
    missing.push(`${copy} has shape [${shapeOf(copy)}], config.json ties it to the embedding of [${size}]`)
  const unexpected = [...byParameter].flatMap(([parameter, name]) =>
    expected.has(parameter) || parameter === head
      ? []
      : [
          parameter === head.replace(/weight$/, "bias")
            ? `${name} would change the logits: the head has a weight alone`
            : `${name} is not a parameter of ${architecture.type} with this config.json`,
        ],
  )
  return [...problems, ...missing, ...unexpected]
}
