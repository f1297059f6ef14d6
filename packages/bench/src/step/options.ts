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
import { pairNames, pairSizes } from "../shapes/shapes.ts"
import { checkSizes, commonOptions, precisions, type Sizes, sizes } from "../side-by-side/common-options.ts"
import { eagerPeers, stepPeers } from "./peers.ts"

/** The values of `--sweep`. */
export const sweeps = ["vocab", "width", "tokens"] as const
export type Sweep = (typeof sweeps)[number]

const usual = { draft: [256, 6, 8, 1024], target: [512, 6, 8, 2048], vocab: 50304 } as const

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
  draft: optional(sizes("", `of draft and reference (${usual.draft})`)),
  target: optional(sizes("", `of the target (${usual.target})`)),
  vocab: optional(count("V", usual.vocab, `vocabulary (${usual.vocab})`)),
  shape: optional(
    choice(
      "NAME",
      pairNames,
      "qwen2.5",
      "a pair of published shapes instead, frozen models in bfloat16: qwen2.5 is 0.5B and 1.5B; sides run one after another, each with the memory to itself, and of the peers eager ones alone",
    ),
  ),
  folder: text(
    "DIR",
    "",
    "where --shape writes the frozen models, and finds them in the next run; else a temporary folder",
  ),
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

type Values = ValuesOf<typeof options>

/** The options' values; `microBatches` divides `batch`; sizes that are left out are those of the shape or of the command. */
export interface StepOptions extends Omit<Values, "draft" | "target" | "vocab"> {
  readonly draft: Sizes
  readonly target: Sizes
  readonly vocab: number
}

/**
 * Reads the arguments after `bun run bench step`.
 *
 * @error UsageError, one line, for an unknown option, a number out of range, or sizes that no model can have
 */
export const parseStep = (args: ReadonlyArray<string>): StepOptions => {
  const { values } = readOptions("step", args, options)
  const { peer, sweep, flame, batch, microBatches, shape } = values
  if (shape !== undefined && (values.draft || values.target || values.vocab || sweep))
    throw new UsageError("--shape fixes draft, target and vocabulary: leave out --draft, --target, --vocab and --sweep")
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
  if (shape !== undefined) {
    const peers = values.peers.filter((of) => eagerPeers.includes(of))
    if (peers.length === 0)
      throw new UsageError(`--peers is "${values.peers}", expected some of ${eagerPeers.join(", ")} with --shape`)
    return { ...values, ...pairSizes(shape), peers }
  }
  const { draft = usual.draft, target = usual.target, vocab = usual.vocab } = values
  checkSizes("draft", draft, vocab)
  checkSizes("target", target, vocab)
  return { ...values, draft, target, vocab }
}
