/** The options of `bun run bench step`; all are checked before a process starts. */
import {
  choice,
  choices,
  count,
  flag,
  optional,
  optionLines,
  ratio,
  readOptions,
  text,
  UsageError,
  type ValuesOf,
} from "../options.ts"
import { checkSizes, commonOptions, precisions, sizes } from "../side-by-side/common-options.ts"
import { stepPeers } from "./peers.ts"

/** The values of `--sweep`. */
export const sweeps = ["vocab", "width", "tokens"] as const
export type Sweep = (typeof sweeps)[number]

const options = {
  ...commonOptions("PyTorch and transformers"),
  peers: choices(
    "LIST",
    stepPeers,
    "fp32,bf16,best",
    `of ${stepPeers.join(", ")}: eager PyTorch in either precision, the fastest PyTorch that we could write, and eager bf16 with the system's allocator settings`,
  ),
  precision: choice("P", precisions, "bfloat16", "bfloat16 or float32: operands of our products; sums are float32"),
  cached: flag("all sides read signals from caches: target as top k with tail, loss of the reference"),
  "top-k": count("K", 64, "entries a token of the cached target"),
  draft: sizes("256,6,8,1024", "of draft and reference"),
  target: sizes("512,6,8,2048", "of the target"),
  vocab: count("V", 50304, "vocabulary"),
  batch: count("B", 4, "sequences"),
  length: count("T", 256, "tokens of each"),
  "micro-batches": count("M", 1, "our side takes the sequences in M parts and sums their gradients into one step"),
  keep: ratio("K", 0.4, "keep ratio of AdaSPEC's filter"),
  steps: count("S", 6, "timed steps of each side, after 2 untimed"),
  sweep: optional(
    choice(
      "WHAT",
      sweeps,
      "vocab",
      "vocab, width or tokens: our side alone over a range of sizes, other options fixed",
    ),
  ),
  flame: optional(
    text("FILE", "", "our side alone: the time of a step by part, as a table and as a picture in FILE (.svg)"),
  ),
} as const

export const stepUsage = `bun run bench step [--peer PYTHON] [options]\n\n${optionLines(options)}`

/** The options' values; `microBatches` divides `batch`. */
export type StepOptions = ValuesOf<typeof options>

/**
 * Reads the arguments after `bun run bench step`.
 *
 * @error UsageError, one line, for an unknown option, a number out of range, or sizes that no model can have
 */
export const parseStep = (args: ReadonlyArray<string>): StepOptions => {
  const { values } = readOptions("step", args, options)
  const { peer, sweep, flame, batch, microBatches, vocab } = values
  if (sweep !== undefined && peer !== undefined)
    throw new UsageError(
      "--sweep excludes --peer: a sweep times our side alone; compare one size with a peer, as in --vocab 4096 --peer PYTHON",
    )
  if (flame !== undefined && (sweep ?? peer) !== undefined)
    throw new UsageError("--flame shows our own step: leave out --peer and --sweep")
  if (batch % microBatches !== 0)
    throw new UsageError(
      `--micro-batches is ${microBatches}, expected a divisor of --batch ${batch}: parts of one size`,
    )
  checkSizes("draft", values.draft, vocab)
  checkSizes("target", values.target, vocab)
  return values
}
