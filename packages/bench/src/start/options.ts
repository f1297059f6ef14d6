/** The options of `bun run bench start`. */
import { choice, count, optionLines, readOptions, type ValuesOf } from "../options.ts"
import { checkSizes, commonOptions, sizes } from "../side-by-side/common-options.ts"

const { peer: _, ...common } = commonOptions("")

const options = {
  ...common,
  precision: choice("P", ["float32", "bfloat16", "q8"], "float32", "of the decoding: float32, bfloat16 or q8"),
  target: sizes("512,6,8,2048", "of the target: 70M parameters"),
  draft: sizes("256,6,8,1024", "of the draft of `evaluate`"),
  vocab: count("V", 50304, "vocabulary of both; the tokenizer has as many tokens"),
  rounds: count("R", 5, "timed starts of each, after 1 untimed"),
} as const

export const startUsage = `bun run bench start [options]\n\n${optionLines(options)}`

/** The options' values. */
export type StartOptions = ValuesOf<typeof options>

/** Reads the arguments after `bun run bench start`. @error UsageError, one line, for an option that cannot be */
export const parseStart = (args: ReadonlyArray<string>): StartOptions => {
  const { values } = readOptions("start", args, options)
  checkSizes("target", values.target, values.vocab)
  checkSizes("draft", values.draft, values.vocab)
  return values
}
