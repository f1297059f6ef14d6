/** The options of `bun run bench load`. */
import { count, optionLines, readOptions, type ValuesOf } from "../options.ts"
import { checkSizes, commonOptions, sizes } from "../side-by-side/common-options.ts"

const options = {
  ...commonOptions("torch and safetensors"),
  model: sizes("512,6,8,2048", "of a GPT-NeoX"),
  vocab: count("V", 50304, "its vocabulary"),
  rounds: count("R", 7, "timed loads of each format, after 2 untimed"),
} as const

export const loadUsage = `bun run bench load [--peer PYTHON] [options]\n\n${optionLines(options)}`

/** The options' values. */
export type LoadOptions = ValuesOf<typeof options>

/**
 * Reads the arguments after `bun run bench load`.
 *
 * @error UsageError, one line, for an unknown option, a number out of range, or sizes that no model can have
 */
export const parseLoad = (args: ReadonlyArray<string>): LoadOptions => {
  const { values } = readOptions("load", args, options)
  checkSizes("model", values.model, values.vocab)
  return values
}
