/** The options of `bun run bench together`; all are checked before a process starts. */
import { choice, count, optionLines, ratio, readOptions, UsageError, type ValuesOf } from "../options.ts"
import { checkSizes, commonOptions, sizes } from "../side-by-side/common-options.ts"

const { peer: _, ...common } = commonOptions("")

const options = {
  ...common,
  precision: choice("P", ["bfloat16", "float32", "q8"], "bfloat16", "of both models: bfloat16, float32 or q8"),
  draft: sizes("256,6,8,1024", ""),
  target: sizes("768,12,12,3072", "of the target"),
  vocab: count("V", 50304, "vocabulary of both"),
  agreement: ratio("A", 0.75, "share of tokens after which draft and target choose alike"),
  gamma: count("G", 4, "tokens proposed for each target call"),
  batch: count("B", 16, "prompts that are decoded at once"),
  prompt: count("T", 64, "tokens of a prompt"),
  new: count("N", 64, "tokens generated after it"),
  rounds: count("R", 3, "timed rounds of so many prompts, after 1 untimed round"),
} as const

export const togetherUsage = `bun run bench together [options]\n\n${optionLines(options)}`

/** The options' values. */
export type TogetherBenchOptions = ValuesOf<typeof options>

/** Reads the arguments after `bun run bench together`. @error UsageError, one line, for an option that cannot be */
export const parseTogether = (args: ReadonlyArray<string>): TogetherBenchOptions => {
  const { values } = readOptions("together", args, options)
  const { prompt, new: fresh, vocab, draft, target } = values
  if (prompt + fresh > vocab)
    throw new UsageError(
      `--prompt ${prompt} and --new ${fresh} make ${prompt + fresh} tokens, the vocabulary has ${vocab}: use fewer, or a larger --vocab`,
    )
  checkSizes("draft", draft, vocab)
  checkSizes("target", target, vocab)
  return values
}
