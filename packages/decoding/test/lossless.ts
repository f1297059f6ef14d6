/**
 * `bun run lossless [--json]`: compares greedy decoding with a draft to the target's own texts, on 500 problems of
 * GSM8K.
 *
 * Needs WINNOW_DATA, like its test. Prints a line for each draft length, or with `--json` one JSON object on stdout.
 * Exit codes: 0 every text is the target's own, 1 a text differs, 2 prompts or the native library are missing.
 */
import { release } from "node:os"
import { parseArgs } from "node:util"
import { generate } from "@winnow/generation"
import { native, openEngine } from "@winnow/tensor"
import { gammas, identityLine, identitySetting, maxNew, measureIdentity, moreOf } from "./greedy-identity.ts"
import { missing } from "./real-prompts.ts"

const { values } = parseArgs({ options: { json: { type: "boolean" }, prompts: { type: "string", default: "500" } } })
const promptCount = Number(values.prompts)
const { version: tensorflow } = await openEngine()
const variant = native()?.variant
const impossible =
  missing !== undefined
    ? `${missing}: give a folder that has gsm8k/test_a.jsonl, as in WINNOW_DATA=~/data bun run lossless`
    : variant === undefined
      ? "the native library is missing, and plain ops may change texts at near ties; `bun run winnow doctor` names the cause"
      : Number.isInteger(promptCount) && promptCount > 0
        ? undefined
        : `--prompts is "${values.prompts}", expected a whole number of 1 or more`
if (impossible !== undefined) {
  console.error(`error: ${impossible}`)
  process.exit(2)
}
const setting = await identitySetting(promptCount)
const { target, prompts, eosId, stop } = setting
const { rollouts } = await generate(target, prompts, { maxNew, eosId }, { stop })
const rows = gammas.map((gamma) => {
  const { row } = measureIdentity(setting, rollouts, gamma)
  if (!values.json) console.log(identityLine("native", gamma, row, moreOf(row)))
  return row
})
setting.dispose()
if (values.json)
  console.log(
    JSON.stringify({
      date: new Date().toISOString().slice(0, 10),
      command: ["bun run lossless", ...process.argv.slice(2)].join(" "),
      host: {
        system: `${process.platform} ${process.arch} ${release()}`,
        bun: Bun.version,
        tensorflow,
        native: variant,
      },
      dataset: "gsm8k/test",
      prompts: prompts.length,
      maxNew,
      gammas: rows,
    }),
  )
process.exitCode = rows.every(({ identical, prompts }) => identical === prompts) ? 0 : 1
