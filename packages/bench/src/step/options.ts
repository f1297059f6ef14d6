/** The options of `bun run bench step`; everything is checked before a process is started. */
import type { Precision } from "@winnow/tensor"
import { UsageError } from "../command-line.ts"
import {
  type CommonOptions,
  choiceOf,
  choicesOf,
  commonOf,
  commonOptions,
  countOf,
  flag,
  optional,
  parseOptions,
  precisionOf,
  ratioOf,
  type Sizes,
  sizesOf,
  text,
} from "../side-by-side/option-values.ts"
import { type StepPeer, stepPeers } from "./peers.ts"

export const stepUsage = `bun run bench step [--peer PYTHON] [options]

  --peer PYTHON     a Python that has PyTorch and transformers; without it only our own step is timed
  --peers LIST      of ${stepPeers.join(", ")}: eager PyTorch in either precision, the fastest PyTorch that
                    we could write, and eager bf16 with the allocator as the system has it (fp32,bf16,best)
  --precision P     bfloat16 or float32: operands of our products; sums are float32 either way (bfloat16)
  --cached          signals come from caches made before, on all sides: target as top k with tail, loss of the reference
  --top-k K         entries a token of the cached target (64)
  --draft SIZES     hidden,layers,heads,intermediate of draft and reference (256,6,8,1024)
  --target SIZES    of the target (512,6,8,2048)
  --vocab V         vocabulary (50304)
  --batch B         sequences (4)
  --length T        tokens of each (256)
  --micro-batches M ours takes the sequences in M parts, the gradients summed into one step (1)
  --keep K          keep ratio of AdaSPEC's filter (0.4)
  --threads N       threads of each process (2)
  --steps S         timed steps of each, after 2 that are not (6)
  --sweep WHAT      vocab, width or tokens: ours alone over a range of sizes, the others as given
  --flame FILE      ours alone: where the time of a step goes, as a table, and as a picture in FILE (.svg)
  --patience S      seconds that may go to waiting until other programs are quiet, and to turns that they disturbed (0)
  --priority        each turn at the highest priority, which root may have: for a machine that others use as well
  --json            one JSON object on stdout and nothing else
`

/** The values of `--sweep`. */
export const sweeps = ["vocab", "width", "tokens"] as const
export type Sweep = (typeof sweeps)[number]

export interface StepOptions extends CommonOptions {
  readonly peers: ReadonlyArray<StepPeer>
  readonly precision: Precision
  readonly cached: boolean
  readonly topK: number
  readonly draft: Sizes
  readonly target: Sizes
  readonly vocab: number
  readonly batch: number
  readonly length: number
  /** Parts of ours; a divisor of `batch`. */
  readonly microBatches: number
  /** 0 < keep <= 1. */
  readonly keep: number
  readonly steps: number
  readonly sweep: Sweep | undefined
  /** Where the picture of a step goes. */
  readonly flame: string | undefined
}

/**
 * Reads the arguments after `bun run bench step`.
 *
 * @error UsageError, of one line, for an unknown option, a number out of its range, or sizes that no model can have
 */
export const parseStep = (args: ReadonlyArray<string>): StepOptions => {
  const values = parseOptions("step", args, {
    ...commonOptions,
    peers: text("fp32,bf16,best"),
    precision: text("bfloat16"),
    cached: flag,
    "top-k": text("64"),
    draft: text("256,6,8,1024"),
    target: text("512,6,8,2048"),
    vocab: text("50304"),
    batch: text("4"),
    length: text("256"),
    "micro-batches": text("1"),
    keep: text("0.4"),
    steps: text("6"),
    sweep: optional,
    flame: optional,
  })
  const count = (name: "top-k" | "vocab" | "batch" | "length" | "micro-batches" | "steps") =>
    countOf("step", name, values[name])
  const vocab = count("vocab")
  if (values.sweep !== undefined && values.peer !== undefined)
    throw new UsageError(
      "--sweep and --peer were both given: a sweep times ours alone; compare one size with a peer, as in --vocab 4096 --peer PYTHON",
    )
  if (values.flame !== undefined && (values.sweep ?? values.peer) !== undefined)
    throw new UsageError("--flame looks into our own step: leave out --peer and --sweep, or run it apart")
  const [batch, microBatches] = [count("batch"), count("micro-batches")]
  if (batch % microBatches !== 0)
    throw new UsageError(
      `--micro-batches is ${microBatches}, expected a divisor of --batch ${batch}: parts of one size`,
    )
  return {
    ...commonOf("step", values),
    peers: choicesOf("step", "peers", values.peers, stepPeers),
    precision: precisionOf("step", values.precision),
    cached: values.cached,
    topK: count("top-k"),
    draft: sizesOf("draft", values.draft, vocab),
    target: sizesOf("target", values.target, vocab),
    vocab,
    batch,
    length: count("length"),
    microBatches,
    keep: ratioOf("step", "keep", values.keep),
    steps: count("steps"),
    sweep: values.sweep === undefined ? undefined : choiceOf("step", "sweep", values.sweep, sweeps),
    flame: values.flame,
  }
}
