/** What `bun run bench step` was asked for; everything is checked before a process is started. */
import { parseArgs } from "node:util"
import { gptNeoxOptions } from "@winnow/models"
import { UsageError } from "../command-line.ts"

export const stepUsage = `bun run bench step [--peer PYTHON] [options]

  --peer PYTHON     a Python that has PyTorch and transformers; without it only our own step is timed
  --bf16            let the peer multiply in bfloat16
  --draft SIZES     hidden,layers,heads,intermediate of draft and reference (256,6,8,1024)
  --target SIZES    of the target (512,6,8,2048)
  --vocab V         vocabulary (50304)
  --batch B         sequences (4)
  --length T        tokens of each (256)
  --keep K          keep ratio of AdaSPEC's filter (0.4)
  --threads N       threads of each process (2)
  --steps S         timed steps of each, after 2 that are not (6)
  --json            one JSON object on stdout and nothing else
`

const seeHelp = "`bun run bench step --help` lists the options"

/** Hidden size, layers, heads, intermediate size of one model. */
export type Sizes = readonly [hidden: number, layers: number, heads: number, intermediate: number]

export interface StepOptions {
  readonly peer: string | undefined
  readonly bf16: boolean
  readonly draft: Sizes
  readonly target: Sizes
  readonly vocab: number
  readonly batch: number
  readonly length: number
  /** 0 < keep <= 1. */
  readonly keep: number
  readonly threads: number
  readonly steps: number
  readonly json: boolean
  readonly help: boolean
}

const parse = (args: ReadonlyArray<string>) => {
  try {
    return parseArgs({
      args: [...args],
      options: {
        peer: { type: "string" },
        bf16: { type: "boolean", default: false },
        draft: { type: "string", default: "256,6,8,1024" },
        target: { type: "string", default: "512,6,8,2048" },
        vocab: { type: "string", default: "50304" },
        batch: { type: "string", default: "4" },
        length: { type: "string", default: "256" },
        keep: { type: "string", default: "0.4" },
        threads: { type: "string", default: "2" },
        steps: { type: "string", default: "6" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values
  } catch (cause) {
    throw new UsageError(`${(cause as Error).message.replace(/\s+/g, " ").replace(/\.$/, "")}; ${seeHelp}`)
  }
}

/** A whole number above 0 in decimal digits, else NaN. */
const whole = (text: string): number => (/^\d+$/.test(text) && Number(text) > 0 ? Number(text) : Number.NaN)

/**
 * Reads the arguments after `bun run bench step`.
 *
 * @error UsageError, of one line, for an unknown option, a number out of its range, or sizes that no model can have
 */
export const parseStep = (args: ReadonlyArray<string>): StepOptions => {
  const values = parse(args)
  const count = (name: "vocab" | "batch" | "length" | "threads" | "steps"): number => {
    const n = whole(values[name])
    if (Number.isSafeInteger(n)) return n
    throw new UsageError(`--${name} is "${values[name]}", expected a whole number of 1 or more; ${seeHelp}`)
  }
  const vocab = count("vocab")
  const sizes = (name: "draft" | "target"): Sizes => {
    const text = values[name]
    const numbers = text.split(",").map((part) => whole(part.trim()))
    if (numbers.length !== 4 || !numbers.every(Number.isSafeInteger))
      throw new UsageError(
        `--${name} is "${text}", expected four whole numbers hidden,layers,heads,intermediate of 1 or more; give them as in --${name} 256,6,8,1024`,
      )
    const [hidden, layers, heads, intermediate] = numbers as unknown as Sizes
    try {
      gptNeoxOptions.assert({
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
  const keep = Number(values.keep.trim() || Number.NaN)
  if (!(keep > 0 && keep <= 1))
    throw new UsageError(`--keep is "${values.keep}", expected a ratio above 0 and up to 1; ${seeHelp}`)
  return {
    peer: values.peer,
    bf16: values.bf16,
    draft: sizes("draft"),
    target: sizes("target"),
    vocab,
    batch: count("batch"),
    length: count("length"),
    keep,
    threads: count("threads"),
    steps: count("steps"),
    json: values.json,
    help: values.help,
  }
}
