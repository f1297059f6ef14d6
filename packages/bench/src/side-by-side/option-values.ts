/** Options of the side-by-side commands, from text; every error is one line that says what to give instead. */
import { type ParseArgsOptionsConfig, parseArgs } from "node:util"
import { gptNeox } from "@winnow/model-gpt-neox"
import type { Precision } from "@winnow/tensor"
import { UsageError } from "../command-line.ts"

/** An option that takes a text, which is `value` where none is given. */
export const text = (value: string) => ({ type: "string", default: value }) as const
/** An option that takes a text and may be left out. */
export const optional = { type: "string" } as const
/** An option without a value. */
export const flag = { type: "boolean", default: false } as const

/** The options that every comparison has. */
export const commonOptions = {
  peer: optional,
  threads: text("2"),
  patience: text("0"),
  priority: flag,
  json: flag,
  help: { ...flag, short: "h" },
} as const

/** The values of the options that all comparisons have. */
export interface CommonOptions {
  /** Path of the peer's Python; undefined: ours runs alone. */
  readonly peer: string | undefined
  /** Of each process. */
  readonly threads: number
  /** Seconds that may go to waiting until other programs are quiet; 0: none. */
  readonly patience: number
  /** True if each turn is taken at the highest priority. */
  readonly priority: boolean
  /** One JSON object on stdout and nothing else. */
  readonly json: boolean
  readonly help: boolean
}

/** Hidden size, layers, heads, intermediate size of one GPT-NeoX. */
export type Sizes = readonly [hidden: number, layers: number, heads: number, intermediate: number]

const helpOf = (command: string) => `\`bun run bench ${command} --help\` lists the options`

/** The options of `bun run bench COMMAND`, as texts and flags. @error UsageError for one that there is not */
export const parseOptions = <T extends ParseArgsOptionsConfig>(
  command: string,
  args: ReadonlyArray<string>,
  options: T,
) => {
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (cause) {
    throw new UsageError(`${(cause as Error).message.replace(/\s+/g, " ").replace(/\.$/, "")}; ${helpOf(command)}`)
  }
}

/** A whole number above 0 in decimal digits, else NaN. */
const whole = (text: string): number => (/^\d+$/.test(text) && Number(text) > 0 ? Number(text) : Number.NaN)

/** A whole number of 1 or more. @error UsageError */
export const countOf = (command: string, name: string, text: string): number => {
  const n = whole(text)
  if (Number.isSafeInteger(n)) return n
  throw new UsageError(`--${name} is "${text}", expected a whole number of 1 or more; ${helpOf(command)}`)
}

/** A number above 0 and up to 1. @error UsageError */
export const ratioOf = (command: string, name: string, text: string): number => {
  const ratio = Number(text.trim() || Number.NaN)
  if (ratio > 0 && ratio <= 1) return ratio
  throw new UsageError(`--${name} is "${text}", expected a ratio above 0 and up to 1; ${helpOf(command)}`)
}

/** One of some words. @error UsageError that lists them */
export const choiceOf = <C extends string>(
  command: string,
  name: string,
  text: string,
  choices: ReadonlyArray<C>,
): C => {
  const choice = choices.find((c) => c === text)
  if (choice !== undefined) return choice
  throw new UsageError(`--${name} is "${text}", expected ${choices.join(", ")}; ${helpOf(command)}`)
}

/** Some of some words with commas between, each once, in the order given. @error UsageError that lists them */
export const choicesOf = <C extends string>(
  command: string,
  name: string,
  text: string,
  choices: ReadonlyArray<C>,
): ReadonlyArray<C> => [...new Set(text.split(",").map((word) => choiceOf(command, name, word.trim(), choices)))]

/** Operands of our products. @error UsageError */
export const precisionOf = (command: string, text: string): Precision =>
  choiceOf(command, "precision", text, ["bfloat16", "float32"])

/** The common options' values. @error UsageError */
export const commonOf = (
  command: string,
  values: {
    readonly peer?: string | undefined
    readonly threads: string
    readonly patience: string
    readonly priority: boolean
    readonly json: boolean
    readonly help: boolean
  },
): CommonOptions => ({
  peer: values.peer,
  threads: countOf(command, "threads", values.threads),
  patience: values.patience === "0" ? 0 : countOf(command, "patience", values.patience),
  priority: values.priority,
  json: values.json,
  help: values.help,
})

/** Sizes of a model with this vocabulary. @error UsageError for sizes that no GPT-NeoX can have */
export const sizesOf = (name: string, text: string, vocab: number): Sizes => {
  const numbers = text.split(",").map((part) => whole(part.trim()))
  if (numbers.length !== 4 || !numbers.every(Number.isSafeInteger))
    throw new UsageError(
      `--${name} is "${text}", expected four whole numbers hidden,layers,heads,intermediate of 1 or more; give them as in --${name} 256,6,8,1024`,
    )
  const [hidden, layers, heads, intermediate] = numbers as unknown as Sizes
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
      `--${name} is "${text}", which no GPT-NeoX can have: ${why}; give sizes as in --${name} 256,6,8,1024`,
    )
  }
  return [hidden, layers, heads, intermediate]
}
