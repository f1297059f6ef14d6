/** `bun run bench precision`: logits and acceptance of a trained pair in float32, bfloat16 and 8 bits. */
import { readFileSync } from "node:fs"
import { gptNeox } from "@winnow/model-gpt-neox"
import { llama } from "@winnow/model-llama"
import { qwen2 } from "@winnow/model-qwen2"
import { loadDecoder } from "@winnow/models"
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import { UsageError } from "../options.ts"
import { begin } from "../side-by-side/header.ts"
import { parsePrecision, precisionUsage } from "./options.ts"
import { type PrecisionResult, runPrecision } from "./run-precision.ts"

/** The table of a comparison. */
export const precisionLines = ({ prompts, tokens, gamma, logits, pairs }: PrecisionResult): ReadonlyArray<string> => [
  `${prompts} prompts, ${tokens} tokens of the float32 target; greedy, gamma ${gamma}`,
  ...logits.map(
    ({ precision, error, agreement, medianKl, meanKl }) =>
      `${precision.padEnd(9)} logits off by ${(100 * error).toFixed(2)} %, same best token ${(100 * agreement).toFixed(2)} %, KL ${medianKl.toExponential(1)} (median), ${meanKl.toExponential(1)} (mean)`,
  ),
  ...pairs.map(
    (p) =>
      `target ${p.target.padEnd(9)} draft ${p.draft.padEnd(9)} acceptance ${(100 * p.acceptance).toFixed(2)} % of ${p.tested}; lossless ${p.lossless}, as float32 ${p.asFloat32} of ${prompts}`,
  ),
]

const promptsOf = (file: string): ReadonlyArray<ReadonlyArray<number>> => {
  try {
    const lines = readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line.trim() !== "")
    return lines.map((line) => (JSON.parse(line) as { ids: ReadonlyArray<number> }).ids)
  } catch (cause) {
    throw new UsageError(`--prompts ${file}: ${(cause as Error).message}; expected lines {"ids": [...]}`)
  }
}

/** Runs the comparison; a table on stdout, or JSON. @error UsageError for impossible arguments */
export const benchPrecision = async (args: ReadonlyArray<string>): Promise<void> => {
  const options = parsePrecision(args)
  if (options.help) return console.log(precisionUsage)
  const { target, draft, prompts, gamma, new: maxNew, eos: eosId, threads } = options
  const texts = promptsOf(prompts)
  const { finish } = begin("precision", args, options)
  await openEngine({ threads, whenNeeded: true })
  const result = await runPrecision(
    (which, precision) =>
      Effect.runPromise(loadDecoder({ target, draft }[which], [llama, gptNeox, qwen2], { precision })),
    texts,
    { gamma, maxNew, eosId },
  )
  finish(result, precisionLines(result))
}
