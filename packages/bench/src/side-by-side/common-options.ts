/** The options that all comparisons share, and the sizes of their models. */
import { gptNeox } from "@winnow/model-gpt-neox"
import {
  count,
  countOrNone,
  flag,
  type Option,
  optional,
  refuse,
  text,
  UsageError,
  type ValuesOf,
  value,
  whole,
} from "../options.ts"

/** `--json` and `--help`. */
export const spokenOptions = {
  json: flag("one JSON object on stdout and nothing else"),
  help: flag("this text", "h"),
} as const

/** The options that all comparisons share; `needs` names the packages of the peer's Python. */
export const commonOptions = (needs: string) =>
  ({
    peer: optional(text("PYTHON", "", `a Python that has ${needs}; without it ours runs alone`)),
    threads: count("N", 2, "threads of each process"),
    patience: countOrNone("S", 0, "most seconds to wait for other programs, and to repeat turns that they disturbed"),
    priority: flag("each turn runs at the highest priority, which needs root: for a shared machine"),
    ...spokenOptions,
  }) as const

/** The values of the common options. */
export type CommonOptions = ValuesOf<ReturnType<typeof commonOptions>>

/** Hidden size, layers, heads, intermediate size of one GPT-NeoX. */
export type Sizes = readonly [hidden: number, layers: number, heads: number, intermediate: number]

/** Sizes of a model; `checkSizes` checks that a model can have them. */
export const sizes = (usual: string, help: string): Option<Sizes> =>
  value("SIZES", usual, `hidden,layers,heads,intermediate ${help}`, (sizesText) => {
    const numbers = sizesText.split(",").map((part) => whole(part.trim()))
    if (numbers.length !== 4 || !numbers.every(Number.isSafeInteger))
      return refuse(sizesText, "four whole numbers hidden,layers,heads,intermediate of 1 or more, as in 256,6,8,1024")
    return numbers as unknown as Sizes
  })

/** Checks that a GPT-NeoX with this vocabulary can have the sizes of `--name`. @error UsageError */
export const checkSizes = (name: string, [hidden, layers, heads, intermediate]: Sizes, vocab: number): void => {
  try {
    gptNeox.schema.assert({
      vocab_size: vocab,
      hidden_size: hidden,
      num_hidden_layers: layers,
      num_attention_heads: heads,
      intermediate_size: intermediate,
    })
  } catch (cause) {
    const why = (cause as Error).message.replace(/\s+/g, " ")
    throw new UsageError(
      `--${name} is "${[hidden, layers, heads, intermediate]}", which no GPT-NeoX can have: ${why}; give sizes as in --${name} 256,6,8,1024`,
    )
  }
}

/** Precisions of our products; sums are float32 either way. */
export const precisions = ["bfloat16", "float32"] as const
