/**
 * Requests of a `tokenizer_config.json` that its `tokenizer.json` lacks: transformers follows them, Winnow reports
 * them.
 */
import { type } from "arktype"

const Token = type({ content: "string" })
const Config = type({
  "added_tokens_decoder?": "object",
  "add_prefix_space?": "unknown",
  "do_lower_case?": "unknown",
})

/** All objects in a part of a `tokenizer.json`, including the part itself. */
function* objectsIn(part: unknown): Generator<Readonly<Record<string, unknown>>> {
  if (typeof part !== "object" || part === null) return
  if (!Array.isArray(part)) yield part as Readonly<Record<string, unknown>>
  for (const inner of Object.values(part)) yield* objectsIn(inner)
}

/** A switch of the config that contradicts a step of the file. */
const differs = (part: unknown, steps: ReadonlyArray<string>, key: string, value: unknown): boolean => {
  if (typeof value !== "boolean") return false
  for (const step of objectsIn(part)) if (steps.includes(String(step["type"])) && step[key] === !value) return true
  return false
}

/**
 * Notes, a sentence each; usually none.
 *
 * @param idOf returns the tokenizer's id of a token
 * @source `PreTrainedTokenizerFast` and `BertTokenizerFast` of transformers
 */
export const configNotes = (
  json: Readonly<Record<string, unknown>>,
  config: object,
  idOf: (token: string) => number | null,
): ReadonlyArray<string> => {
  const checked = Config(config)
  if (checked instanceof type.errors) return []
  const { added_tokens_decoder = {}, add_prefix_space, do_lower_case } = checked
  const notes: Array<string> = []
  for (const [id, entry] of Object.entries(added_tokens_decoder)) {
    const token = Token(entry)
    if (token instanceof type.errors || idOf(token.content) === Number(id)) continue
    const state = idOf(token.content) === null ? "does not have" : `has as id ${idOf(token.content)}`
    notes.push(
      `tokenizer_config.json adds ${JSON.stringify(token.content)} as id ${id}, which tokenizer.json ${state}; tokenizer.json counts here`,
    )
  }
  if (differs(json["pre_tokenizer"], ["ByteLevel"], "add_prefix_space", add_prefix_space))
    notes.push(
      `tokenizer_config.json has add_prefix_space ${add_prefix_space}, tokenizer.json ${!add_prefix_space}; tokenizer.json counts here`,
    )
  if (differs(json["normalizer"], ["BertNormalizer"], "lowercase", do_lower_case))
    notes.push(
      `tokenizer_config.json has do_lower_case ${do_lower_case}, tokenizer.json ${!do_lower_case}; tokenizer.json counts here`,
    )
  return notes
}
