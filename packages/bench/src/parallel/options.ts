/** The options of `bun run bench parallel`; all are checked before a process starts. */
import { choice, count, flag, optionLines, ratio, readOptions, UsageError, type ValuesOf } from "../options.ts"
import { checkSizes, commonOptions, precisions, sizes } from "../side-by-side/common-options.ts"

const { threads: _, ...common } = commonOptions("PyTorch and transformers")

const options = {
  ...common,
  processes: count("P", 2, "processes of the shared step, each of one thread on a core of its own"),
  network: flag("ours sends all numbers through the network, as processes on several machines do"),
  precision: choice("P", precisions, "float32", "bfloat16 or float32: operands of products, of ours and of the peer"),
  "top-k": count("K", 64, "entries a token of the cached target"),
  draft: sizes("256,6,8,1024", "of draft and reference"),
  target: sizes("512,6,8,2048", "of the target, which is only read to make the caches"),
  vocab: count("V", 50304, "vocabulary"),
  batch: count("B", 4, "sequences of each process"),
  length: count("T", 256, "tokens of each"),
  keep: ratio("K", 0.4, "keep ratio of AdaSPEC's filter"),
  steps: count("S", 6, "timed steps of each side, after 2 untimed"),
} as const

export const parallelUsage = `bun run bench parallel [--peer PYTHON] [options]\n\n${optionLines(options)}`

/** The options' values. */
export type ParallelOptions = ValuesOf<typeof options>

/**
 * Reads the arguments after `bun run bench parallel`.
 *
 * @error UsageError, one line, for an unknown option, a number out of range, or sizes that no model can have
 */
export const parseParallel = (args: ReadonlyArray<string>): ParallelOptions => {
  const { values } = readOptions("parallel", args, options)
  const { draft, target, vocab, processes } = values
  if (processes < 2)
    throw new UsageError(`--processes is ${processes}, expected 2 or more: one process is the other side`)
  checkSizes("draft", draft, vocab)
  checkSizes("target", target, vocab)
  return values
}
