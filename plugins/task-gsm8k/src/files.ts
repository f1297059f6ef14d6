/** The files of GSM8K at one commit of its repository. */
import type { ServedFile } from "@winnow/core"

const commit = "3101c7d5072418e28b9008a6636bde82a006892c"
const url = (name: string) =>
  `https://raw.githubusercontent.com/openai/grade-school-math/${commit}/grade_school_math/data/${name}`
const licence = "MIT"

/** 7473 problems. */
export const trainFile: ServedFile = {
  path: "gsm8k/train.jsonl",
  url: url("train.jsonl"),
  sha256: "17f347dc51477c50d4efb83959dbb7c56297aba886e5544ee2aaed3024813465",
  bytes: 4166206,
  licence,
}

/** Lines 1 to 660 of the test file: for figures quoted during the development of a method. */
export const testStartFile: ServedFile = {
  path: "gsm8k/test_a.jsonl",
  url: url("test.jsonl"),
  startOf: true,
  sha256: "102fcffb24d8c38c59aabd2d8ce2b0d476d02f5ccbce1bc3d079cb2ae86b7a9b",
  bytes: 367731,
  licence,
}

/** All 1319 test problems. */
export const testFile: ServedFile = {
  path: "gsm8k/test.jsonl",
  url: url("test.jsonl"),
  sha256: "3730d312f6e3440559ace48831e51066acaca737f6eabec99bccb9e4b3c39d14",
  bytes: 749738,
  licence,
}
