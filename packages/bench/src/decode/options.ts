/** The options of `bun run bench decode`; all are checked before a process starts. */
import { existsSync } from "node:fs"
import {
  choice,
  count,
  flag,
  optional,
  optionLines,
  ratio,
  readOptions,
  refuse,
  text,
  UsageError,
  type ValuesOf,
  value,
} from "../options.ts"
import { type PairName, pairNames, pairSizes } from "../shapes/shapes.ts"
import { checkSizes, commonOptions, type Sizes, sizes } from "../side-by-side/common-options.ts"
import { type PeerPrecision, peerPrecisions, peersFor } from "../side-by-side/peer-sides.ts"
import { type Engine, engineAt } from "./engines/engines.ts"

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
  "llama-bench": optional(
    text(
      "PATH",
      "",
      "llama.cpp as you built it, its folder of programs or its llama-bench: ours beside it instead of transformers, each turn a process, in --precision and --also",
    ),
  ),
  "ik-llama-bench": optional(text("PATH", "", "the same of ik_llama.cpp, its weights repacked (-rtr)")),
  "gguf-converter": optional(
    value(
      "COMMAND",
      "",
      "a Python and the convert_hf_to_gguf.py of llama.cpp, as in 'python llama.cpp/convert_hf_to_gguf.py': makes both engines' files",
      (command) => {
        const words = command.trim().split(/\s+/)
        return words.length === 2 ? words : refuse(command, "a Python and a script, with a space between")
      },
    ),
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
  extends Omit<
    Values,
    "draft" | "target" | "vocab" | "small" | "peerPrecision" | "shape" | "llamaBench" | "ikLlamaBench"
  > {
  /** llama.cpp and its fork; if there are some, they are the peers. */
  readonly engines: ReadonlyArray<Engine>
  readonly shape: PairName | undefined
  readonly peers: ReadonlyArray<PeerPrecision>
  readonly draft: Sizes
  readonly target: Sizes
  readonly vocab: number
}

/** Checks what a comparison with llama.cpp needs besides it. @error UsageError */
const checkEngines = ({
  peer,
  draftPrecision,
  ggufConverter,
}: Pick<Values, "peer" | "draftPrecision" | "ggufConverter">) => {
  if (peer !== undefined || draftPrecision !== undefined)
    throw new UsageError(
      "--llama-bench and --ik-llama-bench are a comparison of their own, with target and draft in one precision: leave out --peer and --draft-precision",
    )
  if (ggufConverter === undefined)
    throw new UsageError(
      "--llama-bench and --ik-llama-bench need files in GGUF: give --gguf-converter 'python llama.cpp/convert_hf_to_gguf.py'",
    )
  const script = ggufConverter[1]!
  if (!existsSync(script))
    throw new UsageError(`--gguf-converter: there is no ${script}; expected the convert_hf_to_gguf.py of llama.cpp`)
}

/**
 * Reads the arguments after `bun run bench decode`.
 *
 * @error UsageError, one line, for an unknown option, a number out of range, or sizes that no model can have
 */
export const parseDecode = (args: ReadonlyArray<string>): DecodeOptions => {
  const { values } = readOptions("decode", args, options)
  const { small: isSmall, peerPrecision, shape, llamaBench, ikLlamaBench, ...rest } = values
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
  const engines = [
    ...(llamaBench === undefined ? [] : [engineAt("llama.cpp", llamaBench)]),
    ...(ikLlamaBench === undefined ? [] : [engineAt("ik_llama.cpp", ikLlamaBench)]),
  ]
  if (engines.length > 0) checkEngines(rest)
  return { ...rest, shape, draft, target, vocab, peers, engines }
}
