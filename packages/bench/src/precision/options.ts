/** The options of `bun run bench precision`. */
import { count, optional, optionLines, readOptions, refuse, text, type ValuesOf, value } from "../options.ts"
import { spokenOptions } from "../side-by-side/common-options.ts"

const options = {
  target: text("DIR", "", "the model that verifies, in Hugging Face format"),
  draft: text("DIR", "", "the model that proposes, of the same vocabulary"),
  prompts: text("FILE", "", 'one line for each prompt: {"ids": [...]}'),
  gamma: count("G", 4, "tokens proposed for each target call"),
  new: count("N", 64, "most tokens after a prompt"),
  eos: optional(
    value("ID", "", "the token that ends a text", (id) => (/^\d+$/.test(id) ? Number(id) : refuse(id, "a token id"))),
  ),
  threads: count("N", 2, "threads of the process"),
  ...spokenOptions,
} as const

export const precisionUsage = `bun run bench precision --target DIR --draft DIR --prompts FILE [options]

${optionLines(options)}`

export type PrecisionOptions = ValuesOf<typeof options>

/** Reads the arguments after `bun run bench precision`. @error UsageError, one line */
export const parsePrecision = (args: ReadonlyArray<string>): PrecisionOptions =>
  readOptions("precision", args, options).values
