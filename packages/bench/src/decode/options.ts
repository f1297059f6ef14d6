/** The options of `bun run bench decode`; everything is checked before a process is started. */
import type { Precision } from "@winnow/tensor"
import { UsageError } from "../command-line.ts"
import {
  type CommonOptions,
  choiceOf,
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
import { type PeerPrecision, peerPrecisions, peersFor } from "../side-by-side/peer-sides.ts"

export const decodeUsage = `bun run bench decode [--peer PYTHON] [options]

  --peer PYTHON     a Python that has PyTorch and transformers; without it only our own decoding is timed
  --peer-precision  both, fp32 or bf16: the peers that run; the ratios are to the faster one (both)
  --precision P     bfloat16 or float32: operands of our products; sums are float32 either way (bfloat16)
  --draft SIZES     hidden,layers,heads,intermediate (256,6,8,1024)
  --target SIZES    of the target (768,12,12,3072)
  --vocab V         vocabulary of both (50304)
  --small           a quick pair instead: draft 64,2,2,256, target 128,4,4,512, V = 4096
  --margins M       wide: the target's best token is far ahead of its second (a margin of about 7); small: close to it
                    (about 0.1), so that the screen of the head leaves more to the exact products (wide)
  --agreement A     share of tokens after which the draft's choice is the target's (0.75)
  --gamma G         tokens proposed a target call (4)
  --prompt T        tokens of a prompt (64)
  --new N           tokens generated after it (64)
  --threads N       threads of each process (2)
  --rounds R        timed rounds, each of a prompt of its own, after 1 that is not timed (5)
  --patience S      seconds that may go to waiting until other programs are quiet, and to turns that they disturbed (0)
  --priority        each turn at the highest priority, which root may have: for a machine that others use as well
  --json            one JSON object on stdout and nothing else
`

/** The values of `--margins`. */
export const marginKinds = ["wide", "small"] as const
export type Margins = (typeof marginKinds)[number]

export interface DecodeOptions extends CommonOptions {
  readonly peers: ReadonlyArray<PeerPrecision>
  readonly precision: Precision
  readonly draft: Sizes
  readonly target: Sizes
  readonly vocab: number
  readonly margins: Margins
  /** 0 < agreement <= 1. */
  readonly agreement: number
  readonly gamma: number
  readonly prompt: number
  readonly new: number
  readonly rounds: number
}

const usual = { draft: "256,6,8,1024", target: "768,12,12,3072", vocab: "50304" } as const
const small = { draft: "64,2,2,256", target: "128,4,4,512", vocab: "4096" } as const

/**
 * Reads the arguments after `bun run bench decode`.
 *
 * @error UsageError, of one line, for an unknown option, a number out of its range, or sizes that no model can have
 */
export const parseDecode = (args: ReadonlyArray<string>): DecodeOptions => {
  const values = parseOptions("decode", args, {
    ...commonOptions,
    "peer-precision": text("both"),
    precision: text("bfloat16"),
    draft: optional,
    target: optional,
    vocab: optional,
    small: flag,
    margins: text("wide"),
    agreement: text("0.75"),
    gamma: text("4"),
    prompt: text("64"),
    new: text("64"),
    rounds: text("5"),
  })
  const count = (name: "gamma" | "prompt" | "new" | "rounds") => countOf("decode", name, values[name])
  const sizes = values.small ? small : usual
  const vocab = countOf("decode", "vocab", values.vocab ?? sizes.vocab)
  const [prompt, fresh, rounds] = [count("prompt"), count("new"), count("rounds")]
  // texts follow one cycle through the vocabulary: within a text no token comes again
  if (prompt + fresh > vocab)
    throw new UsageError(
      `--prompt ${prompt} and --new ${fresh} make ${prompt + fresh} tokens, the vocabulary has ${vocab}: give fewer, or a larger --vocab`,
    )
  return {
    ...commonOf("decode", values),
    peers: peersFor(choiceOf("decode", "peer-precision", values["peer-precision"], peerPrecisions)),
    precision: precisionOf("decode", values.precision),
    draft: sizesOf("draft", values.draft ?? sizes.draft, vocab),
    target: sizesOf("target", values.target ?? sizes.target, vocab),
    vocab,
    margins: choiceOf("decode", "margins", values.margins, marginKinds),
    agreement: ratioOf("decode", "agreement", values.agreement),
    gamma: count("gamma"),
    prompt,
    new: fresh,
    rounds,
  }
}
