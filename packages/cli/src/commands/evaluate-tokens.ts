/** Notes on the tokens of an evaluation: the tokenizer's file, the prompts, the ends, the outputs. */
import type { EncodeOptions } from "@winnow/data"
import type { Evaluation } from "@winnow/decoding"
import type { Ends, TargetCodec } from "./evaluate-folders.ts"
import type { PromptLine } from "./evaluate-prompts.ts"

/** Notes, one sentence each; often none. */
export const tokenNotes = (
  tokenizer: TargetCodec,
  inputs: Required<EncodeOptions> & {
    readonly lines: ReadonlyArray<PromptLine>
    readonly eosIds: Ends["ids"]
    readonly eosSource: Ends["source"]
  },
  { results }: Pick<Evaluation, "results">,
): ReadonlyArray<string> => {
  const { lines, specialTokens, eosIds, eosSource } = inputs
  const { end, vocabularySize } = tokenizer
  const notes: Array<string> = []
  const texts = lines.flatMap((line) => ("text" in line ? [line.text] : []))
  if (end !== undefined && eosSource !== "--eos" && !eosIds.includes(end.id))
    notes.push(
      eosIds.length === 0
        ? `By ${eosSource} no token ends a text; the tokenizer's end is ${end.text}: --eos ${end.id} stops there.`
        : `${eosSource} ends a text with id ${eosIds.join(", ")}; the tokenizer's end is ${end.text} (${end.id}): --eos ${end.id} stops there.`,
    )
  if (eosSource === "nothing")
    notes.push("No token ends a text: neither the target's configuration nor its tokenizer names one; give --eos.")
  // A note on a tokenizer's file matters only if the tokenizer encoded a text.
  if (texts.length > 0) notes.push(...tokenizer.notes.map((note) => `Tokenizer: ${note}.`))
  const counts = new Map<string, number>()
  for (const text of texts)
    for (const token of new Set(tokenizer.spelled(text))) counts.set(token, (counts.get(token) ?? 0) + 1)
  for (const [token, count] of counts)
    notes.push(
      `${count} of ${lines.length} prompts spell the special token ${token}, encoded as ` +
        (specialTokens === "text" ? "text: --special-tokens ids makes it the token." : "the token."),
    )
  const outputs = results[0]?.outputs ?? []
  const beyond = outputs.map((ids) => ids.filter((id) => id >= vocabularySize).length)
  const tokens = beyond.reduce((sum, count) => sum + count, 0)
  if (tokens > 0)
    notes.push(
      `${beyond.filter((count) => count > 0).length} of ${outputs.length} texts hold ids beyond the tokenizer's ${vocabularySize}, ` +
        `${tokens} in all: rows of the model without a token; they are counted, and left out of \`texts\`.`,
    )
  return notes
}
