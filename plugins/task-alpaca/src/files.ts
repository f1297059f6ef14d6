/** 4 500 records of Alpaca, from one file at one commit. */
import { type DerivedFile, jsonLines, type ServedFile } from "@winnow/core"
import { heldBack } from "./held-back.ts"

const licence = "CC BY-NC 4.0"
const commit = "5e69c50054c48cd3b919c46d13bb2d92a62f4498"

/** 5 000 records of the whole set, in its wording. */
const served: ServedFile = {
  path: "alpaca/alpaca_5000.json",
  url: `https://raw.githubusercontent.com/tatsu-lab/stanford_alpaca/${commit}/data/alpaca_5000.json`,
  sha256: "fc1add24c93c9fbbe585a64a6c9bf6165eb110225f4470efbff382a913558ec0",
  bytes: 2044701,
  licence,
}

/** The records of a JSON array that are not held back, one for each line. */
export const recordsOf = (json: Uint8Array): string => {
  const records: ReadonlyArray<unknown> = JSON.parse(new TextDecoder().decode(json))
  return jsonLines(records.filter((_, i) => !heldBack(i)))
}

export const recordsFile: DerivedFile = {
  path: "alpaca/alpaca_5k.jsonl",
  of: [served],
  by: recordsOf,
  sha256: "88468ec7f060595d91d1c0e84cdc34d54ad804367f7b936ea32d2ccba88ea2e1",
  bytes: 1835985,
  licence,
}
