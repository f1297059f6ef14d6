/** The options of `bun run bench load`. */
import {
  type CommonOptions,
  commonOf,
  commonOptions,
  countOf,
  parseOptions,
  type Sizes,
  sizesOf,
  text,
} from "../side-by-side/option-values.ts"

export const loadUsage = `bun run bench load [--peer PYTHON] [options]

  --peer PYTHON     a Python that has torch and safetensors; without it only our own loading is timed
  --model SIZES     hidden,layers,heads,intermediate of a GPT-NeoX (512,6,8,2048)
  --vocab V         its vocabulary (50304)
  --threads N       threads of each process (2)
  --rounds R        timed loads of each format, after 2 that are not (7)
  --patience S      seconds that may go to waiting until other programs are quiet, and to turns that they disturbed (0)
  --priority        each turn at the highest priority, which root may have: for a machine that others use as well
  --json            one JSON object on stdout and nothing else
`

export interface LoadOptions extends CommonOptions {
  readonly model: Sizes
  readonly vocab: number
  readonly rounds: number
}

/**
 * Reads the arguments after `bun run bench load`.
 *
 * @error UsageError, of one line, for an unknown option, a number out of its range, or sizes that no model can have
 */
export const parseLoad = (args: ReadonlyArray<string>): LoadOptions => {
  const values = parseOptions("load", args, {
    ...commonOptions,
    model: text("512,6,8,2048"),
    vocab: text("50304"),
    rounds: text("7"),
  })
  const vocab = countOf("load", "vocab", values.vocab)
  return {
    ...commonOf("load", values),
    model: sizesOf("model", values.model, vocab),
    vocab,
    rounds: countOf("load", "rounds", values.rounds),
  }
}
