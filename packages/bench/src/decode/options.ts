/** The options of `bun run bench decode`; all are checked before a process starts. */
import {
  choice,
  count,
  flag,
  optional,
  optionLines,
  ratio,
  readOptions,
  refuse,
  UsageError,
  type ValuesOf,
  value,
} from "../options.ts"
import { type PairName, pairNames, pairSizes } from "../shapes/shapes.ts"
import { checkSizes, commonOptions, type Sizes, sizes } from "../side-by-side/common-options.ts"
import { type PeerPrecision, peerPrecisions, peersFor } from "../side-by-side/peer-sides.ts"

/** The values of `--margins`. */
export const marginKinds = ["wide", "small"] as const
export type Margins = (typeof marginKinds)[number]

/** The values of `--precision`. */
export const decodingPrecisions = ["bfloat16", "float32", "q8"] as const
export type OurPrecision = (typeof decodingPrecisions)[number]

const usual = { draft: [256, 6, 8, 1024], target: [768, 12, 12, 3072], vocab: 50304 } as const
const small = { draft: [64, 2, 2, 256], target: [128, 4, 4, 512], vocab: 4096 } as const

const options = {
  ...commonOptions("PyTorch and transformers"),
  "peer-precision": choice(
    "P",
    peerPrecisions,
    "both",
    "both, fp32 or bf16: the peers that run; ratios are to the faster",
  ),
  precision: choice(
    "P",
    decodingPrecisions,
    "bfloat16",
    "of our decoding: bfloat16, float32, or q8, weights in 8 bits",
  ),
  "draft-precision": optional(
    choice("P", decodingPrecisions, "bfloat16", "of our draft's decoding; the target's if left out"),
  ),
  also: optional(
    value("LIST", "", "further precisions of our decoding, as sides of their own: q8,float32", (list) => {
      const found = list.split(",")
      const isPrecision = (name: string): name is OurPrecision => decodingPrecisions.some((one) => one === name)
      return found.every(isPrecision)
        ? found
        : refuse(list, `some of ${decodingPrecisions.join(", ")}, as in q8,float32`)
    }),
  ),
  draft: optional(sizes("", `(${usual.draft})`)),
  target: optional(sizes("", `of the target (${usual.target})`)),
  vocab: optional(count("V", usual.vocab, `vocabulary of both (${usual.vocab})`)),
  small: flag(`a quick pair instead: draft ${small.draft}, target ${small.target}, V = ${small.vocab}`),
  shape: optional(
    choice(
      "NAME",
      pairNames,
      "qwen2.5",
      "a pair of published shapes instead, random weights in bfloat16: qwen2.5 is 0.5B and 1.5B, each with a head of its own; of the peers bf16 alone",
    ),
  ),
  margins: choice(
    "M",
    marginKinds,
    "wide",
    "wide: the target's best token is far ahead of its second (a margin of about 7); small: close to it (about 0.1), so that the head's screen passes more rows to the exact products",
  ),
  agreement: ratio("A", 0.75, "share of tokens after which draft and target choose alike"),
  gamma: count("G", 4, "tokens proposed for each target call"),
  prompt: count("T", 64, "tokens of a prompt"),
  new: count("N", 64, "tokens generated after it"),
  rounds: count("R", 5, "timed rounds with a prompt each, after 1 untimed round"),
} as const

export const decodeUsage = `bun run bench decode [--peer PYTHON] [options]\n\n${optionLines(options)}`

type Values = ValuesOf<typeof options>

/** The options' values; sizes that are left out are those of `small` or of the command. */
export interface DecodeOptions
  extends Omit<Values, "draft" | "target" | "vocab" | "small" | "peerPrecision" | "shape"> {
  readonly shape: PairName | undefined
  readonly peers: ReadonlyArray<PeerPrecision>
  readonly draft: Sizes
  readonly target: Sizes
  readonly vocab: number
}

/**
 * Reads the arguments after `bun run bench decode`.
 *
 * @error UsageError, one line, for an unknown option, a number out of range, or sizes that no model can have
 */
export const parseDecode = (args: ReadonlyArray<string>): DecodeOptions => {
  const { values } = readOptions("decode", args, options)
  const { small: isSmall, peerPrecision, shape, ...rest } = values
  if (shape !== undefined && (isSmall || rest.margins === "small" || rest.draft || rest.target || rest.vocab))
    throw new UsageError(
      "--shape fixes draft, target and vocabulary, and its margins are wide: leave out --draft, --target, --vocab, --small and --margins small",
    )
  const instead = shape === undefined ? (isSmall ? small : usual) : pairSizes(shape)
  const { draft = instead.draft, target = instead.target, vocab = instead.vocab, prompt, new: fresh } = rest
  // Texts follow one cycle through the vocabulary: no token occurs twice in a text.
  if (prompt + fresh > vocab)
    throw new UsageError(
      `--prompt ${prompt} and --new ${fresh} make ${prompt + fresh} tokens, the vocabulary has ${vocab}: use fewer, or a larger --vocab`,
    )
  if (shape === undefined) {
    checkSizes("draft", draft, vocab)
    checkSizes("target", target, vocab)
  }
  const peers = peersFor(shape === undefined ? peerPrecision : "bf16")
  return { ...rest, shape, draft, target, vocab, peers }
}
