/** The options of `bun run bench generate`; all are checked before a process starts. */
import { choice, count, flag, optional, optionLines, readOptions, type ValuesOf } from "../options.ts"
import { checkSizes, commonOptions, precisions, type Sizes, sizes } from "../side-by-side/common-options.ts"
import { type PeerPrecision, peerPrecisions, peersFor } from "../side-by-side/peer-sides.ts"

const usual = { target: [768, 12, 12, 3072], vocab: 50304 } as const
const small = { target: [128, 4, 4, 512], vocab: 4096 } as const

const options = {
  ...commonOptions("PyTorch and transformers"),
  "peer-precision": choice(
    "P",
    peerPrecisions,
    "both",
    "both, fp32 or bf16: the peers that run; ratios are to the faster",
  ),
  precision: choice("P", precisions, "bfloat16", "bfloat16 or float32: operands of our products; sums are float32"),
  target: optional(sizes("", `of the model (${usual.target})`)),
  vocab: optional(count("V", usual.vocab, `its vocabulary (${usual.vocab})`)),
  small: flag(`a quick model instead: ${small.target}, V = ${small.vocab}`),
  batch: count("B", 32, "prompts that are continued at once"),
  single: count("N", 4, "of these, prompts that are continued one at a time, for the comparison"),
  prompt: count("T", 64, "most tokens of a prompt; the shortest has half"),
  new: count("N", 128, "tokens generated after each"),
  rounds: count("R", 5, "timed rounds with prompts of their own, after 1 untimed round"),
} as const

export const generateUsage = `bun run bench generate [--peer PYTHON] [options]\n\n${optionLines(options)}`

type Values = ValuesOf<typeof options>

/** The options' values; sizes that are left out are those of `small` or of the command. */
export interface GenerateOptions extends Omit<Values, "target" | "vocab" | "small" | "peerPrecision"> {
  readonly peers: ReadonlyArray<PeerPrecision>
  readonly target: Sizes
  readonly vocab: number
}

/**
 * Reads the arguments after `bun run bench generate`.
 *
 * @error UsageError, one line, for an unknown option, a number out of range, or sizes that no model can have
 */
export const parseGenerate = (args: ReadonlyArray<string>): GenerateOptions => {
  const { values } = readOptions("generate", args, options)
  const { small: isSmall, peerPrecision, ...rest } = values
  const instead = isSmall ? small : usual
  const { target = instead.target, vocab = instead.vocab } = rest
  checkSizes("target", target, vocab)
  return { ...rest, single: Math.min(rest.single, rest.batch), target, vocab, peers: peersFor(peerPrecision) }
}
