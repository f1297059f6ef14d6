/** The files of a model's repository that Winnow reads; all others stay on the hub. */

/** The requested part of a repository. */
export type Wanted = "model" | "tokenizer"

/** Files that are read if they exist. */
const optional: Readonly<Record<Wanted, ReadonlyArray<string>>> = {
  tokenizer: [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
  ],
  model: ["generation_config.json", "adapter_config.json"],
}

/** One file of weights. */
export const wholeWeights = "model.safetensors"
/** The list of the shards of a model in several files. */
export const shardIndex = "model.safetensors.index.json"

/** The files that may be missing, including those of the tokenizer beside a model. */
export const optionalFiles = (wanted: Wanted): ReadonlyArray<string> =>
  wanted === "tokenizer" ? optional.tokenizer : [...optional.tokenizer, ...optional.model]

/** The shards that an index names; undefined for a text that is no index. */
export const shardsOf = (index: string): ReadonlyArray<string> | undefined => {
  try {
    const { weight_map: map } = JSON.parse(index) as { readonly weight_map?: unknown }
    if (typeof map !== "object" || map === null) return undefined
    const names = [...new Set(Object.values(map))]
    const isName = (x: unknown): x is string => typeof x === "string" && /^[\w.-]+\.safetensors$/.test(x)
    return names.length > 0 && names.every(isName) ? names : undefined
  } catch {
    return undefined
  }
}
