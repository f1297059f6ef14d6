/** Reads the file of prompts: one JSON object a line, text or ids; an error lists all faults at once, by line. */
import { DataError, InvalidInput } from "@winnow/core"
import type { Codec, EncodeOptions } from "@winnow/data"
import { parseJson, readRegularText } from "@winnow/files"
import { type } from "arktype"
import { Effect } from "effect"

/** The content of a line of the file. */
export type PromptLine = { readonly line: number } & (
  | { readonly text: string }
  | { readonly ids: ReadonlyArray<number> }
)

/** A prompt in the form that models read. */
export interface Prompt {
  /** From 1, as editors count. */
  readonly line: number
  readonly ids: Int32Array
}

/** Most bytes of a file of prompts. */
const most = 2 ** 28

/** Number of problems in a message; a file of another kind has one for each line. */
const SHOWN = 8

const firstOf = (problems: ReadonlyArray<string>): ReadonlyArray<string> =>
  problems.length <= SHOWN ? problems : [...problems.slice(0, SHOWN), `and ${problems.length - SHOWN} more lines`]

const Text = type({ prompt: "string" })
const Ids = type({ ids: "(number.integer >= 0)[] >= 1" })

/** A line without its end, so that a message stays one line. */
const quoted = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}...` : text)

/** The prompt of a line, or its fault. Keys beside `prompt` and `ids` are the user's own. */
const parseLine = (text: string, line: number): PromptLine | string => {
  const expected = `expected {"prompt": "..."} or {"ids": [1, 2]}`
  let value: unknown
  try {
    value = parseJson(text)
  } catch {
    return `line ${line}: found ${quoted(text)}, which is not JSON; ${expected}`
  }
  const keys = typeof value === "object" && value !== null ? Object.keys(value) : []
  const fields = keys.filter((key) => key === "prompt" || key === "ids")
  if (fields.length === 0) return `line ${line}: found ${quoted(text)}; ${expected}`
  if (fields.length === 2) return `line ${line}: found both prompt and ids; expected one of them`
  if (fields[0] === "prompt") {
    const parsed = Text(value)
    return parsed instanceof type.errors
      ? `line ${line}: ${parsed.summary}; ${expected}`
      : { line, text: parsed.prompt }
  }
  const parsed = Ids(value)
  return parsed instanceof type.errors ? `line ${line}: ${parsed.summary}; ${expected}` : { line, ids: parsed.ids }
}

/**
 * Reads a file of prompts, without empty lines.
 *
 * @error DataError if it cannot be read; InvalidInput with one problem for each line that is no prompt, or for a file
 * without a prompt
 */
export const readPromptFile = Effect.fnUntraced(function* (file: string) {
  const content = yield* Effect.try({
    try: () => readRegularText(file, { most, what: "a file of prompts" }),
    catch: (error) =>
      new DataError({ message: `--prompts ${file} cannot be read: ${(error as Error).message}`, cause: error }),
  })
  const lines = content.split("\n").map((text, i) => ({ text: text.trim(), line: i + 1 }))
  const parsed = lines.flatMap(({ text, line }) => (text === "" ? [] : [parseLine(text, line)]))
  const problems = parsed.filter((one) => typeof one === "string")
  if (parsed.length === 0) problems.push(`found no line, expected one prompt a line, such as {"ids": [1, 2]}`)
  if (problems.length > 0) return yield* new InvalidInput({ what: `--prompts ${file}`, problems: firstOf(problems) })
  return parsed.filter((one) => typeof one !== "string")
})

/** Limits that prompts must fit. */
export interface PromptLimits {
  readonly vocabularySize: number
  /** Context of the target, tokens. */
  readonly targetContext: number
}

/**
 * Prompts as ids, each checked against the models.
 *
 * @param tokenizer of the target; text is encoded unchanged, without a start token
 * @param options.specialTokens the encoding of text that spells a special token
 * @error InvalidInput for text without a tokenizer or that it cannot encode, no tokens, an id outside the vocabulary,
 * or a prompt that fills the target's context
 */
export const encodePrompts = Effect.fnUntraced(function* (
  file: string,
  lines: ReadonlyArray<PromptLine>,
  tokenizer: Codec | undefined,
  { vocabularySize: V, targetContext }: PromptLimits,
  options: EncodeOptions = {},
): Effect.fn.Return<ReadonlyArray<Prompt>, InvalidInput> {
  const what = `--prompts ${file}`
  const texts = lines.flatMap((entry) => ("text" in entry ? [entry.text] : []))
  const encoded = tokenizer === undefined ? undefined : yield* tokenizer.encode(texts, options)
  let next = 0
  const problems: Array<string> = []
  const prompts = lines.flatMap((entry): ReadonlyArray<Prompt> => {
    const { line } = entry
    const say = (text: string) => {
      problems.push(`line ${line}: ${text}`)
      return []
    }
    if ("text" in entry && encoded === undefined)
      return say("found text, but the target's folder has no tokenizer.json; put it there, or give ids")
    const ids = "ids" in entry ? entry.ids : encoded![next++]!
    const T = ids.length
    if (T === 0) return say("found a prompt of 0 tokens, expected at least 1")
    // Before the ids become int32, where 2^32 + 5 would be 5.
    const outside = ids.find((id) => id >= V)
    if (outside !== undefined) return say(`found id ${outside}, expected ids of the vocabulary, 0 to ${V - 1}`)
    if (T >= targetContext)
      return say(`found ${T} tokens, expected at most ${targetContext - 1}: the target's context is ${targetContext}`)
    return [{ line, ids: Int32Array.from(ids) }]
  })
  if (problems.length > 0) return yield* new InvalidInput({ what, problems: firstOf(problems) })
  return prompts
})
