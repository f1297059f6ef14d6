/** The ids of special tokens in an exported config.json. */
import type { Architecture, Attends } from "@winnow/core"
import type { TokenIds } from "./tokenizer-files.ts"

/** The ids of config.json as the family writes them: some classes of transformers take no null. */
export const configIds = ({ family, config }: Architecture<Attends>, ids: TokenIds): Record<string, unknown> => {
  const written = family?.fromConfig({ ...config, ...ids }, "config.json").config ?? {}
  return {
    ...ids,
    ...Object.fromEntries(Object.keys(ids).flatMap((key) => (key in written ? [[key, written[key]]] : []))),
  }
}
