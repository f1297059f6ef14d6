/** Records of CodeAlpaca, from two files at one commit of its repository. */
import { type DerivedFile, jsonLines, type ServedFile } from "@winnow/core"
import { type } from "arktype"
import { heldBack } from "./held-back.ts"

const licence = "CC BY-NC 4.0"
const folder = "https://raw.githubusercontent.com/sahil280114/codealpaca/2f78ddc5c682ed6738ad092bbbfa59ba915afcb0/data"
const names = ["code_alpaca_2k", "new_codealpaca"] as const

const served = (name: (typeof names)[number], bytes: number, sha256: string): ServedFile => ({
  path: `domains/coding/${name}.json`,
  url: `${folder}/${name}.json`,
  sha256,
  bytes,
  licence,
})

const records = type({ instruction: "string", input: "string", output: "string" }).array()

/** The records of both files, one a line: without those that repeat an instruction and input, have no output, or are held back. */
export const recordsOf = (...files: ReadonlyArray<Uint8Array>): string => {
  const seen = new Set<string>()
  const all = files.flatMap((json, i) =>
    records
      .assert(JSON.parse(new TextDecoder().decode(json)))
      .map(({ instruction, input, output }) => ({ instruction, input, output, source: names[i]! })),
  )
  const left = all.filter(({ instruction, input, output }) => {
    const key = JSON.stringify([instruction, input])
    return output.trim() !== "" && !seen.has(key) && seen.add(key)
  })
  return jsonLines(left.filter((_, i) => !heldBack(i)))
}

export const recordsFile: DerivedFile = {
  path: "domains/coding/codealpaca.jsonl",
  of: [
    served("code_alpaca_2k", 796189, "9cb7352683bd2f530ce81eff7f8d58ccbe1a4bdf28afebbe9f80ec687256066d"),
    served("new_codealpaca", 3549564, "2c8f4bb2dbce75ecc2020ded30f0fa935b7aa89d7be0c271f4ac208062f1bcb6"),
  ],
  by: recordsOf,
  sha256: "cc4bded5180ed622403518a263e87def680be3b1a022fc524bbba1c8b00de7b8",
  bytes: 2659399,
  licence,
}
