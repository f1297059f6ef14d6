/** The options of `bun run bench large`. */
import { choice, count, optionLines, readOptions, text, type ValuesOf } from "../options.ts"
import { shapeNames } from "../shapes/shapes.ts"
import { precisions, spokenOptions } from "../side-by-side/common-options.ts"

const options = {
  model: choice("NAME", shapeNames, "qwen2.5-1.5b", "a published shape, with random weights in bfloat16"),
  folder: text("DIR", "", "where the model is written, and found by the next run; else a temporary folder"),
  precision: choice("P", precisions, "float32", "bfloat16 or float32: operands of products; the weights are bfloat16"),
  prompt: count("N", 128, "tokens of the prompt, and of the pass"),
  tokens: count("N", 32, "tokens that are decoded one by one"),
  block: count("N", 5, "tokens of a block, as verification has them"),
  score: count("N", 256, "tokens of a data set that are scored into a cache: top 64 and tail"),
  draft: choice(
    "NAME",
    shapeNames,
    "qwen2.5-0.5b",
    "a published shape that proposes to the model, from a seed of its own",
  ),
  gamma: count("G", 4, "tokens proposed for each call of the model"),
  rounds: count("R", 3, "processes, each of which loads the model"),
  threads: count("N", 2, "threads of each process"),
  ...spokenOptions,
} as const

export const largeUsage = `bun run bench large [options]\n\n${optionLines(options)}`

/** The options' values. */
export type LargeOptions = ValuesOf<typeof options>

/** Reads the arguments after `bun run bench large`. @error UsageError, one line, for an option that cannot be */
export const parseLarge = (args: ReadonlyArray<string>): LargeOptions => readOptions("large", args, options).values
