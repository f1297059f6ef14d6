/** The splits of MBPP, by task number, from one file at one commit. */
import { type DerivedFile, jsonLines, type ServedFile } from "@winnow/core"

const licence = "CC BY 4.0"
const commit = "2f9fd85927c669dae3c0fbb2d607274023af243e"

/** All 974 tasks. */
const all: ServedFile = {
  path: "mbpp/mbpp.jsonl",
  url: `https://raw.githubusercontent.com/deepseek-ai/DeepSeek-Coder/${commit}/Evaluation/MBPP/data/mbpp.jsonl`,
  sha256: "ccf64ceae9c5403bf50a044cb6d505bfd2a2963ee58338ba268fd65beab92a9f",
  bytes: 563743,
  licence,
}

/** The tasks with these numbers, one for each line: the source's lines in order, their letters unescaped. */
export const tasks =
  (first: number, last: number) =>
  (served: Uint8Array): string =>
    jsonLines(
      new TextDecoder()
        .decode(served)
        .split("\n")
        .slice(first - 1, last)
        .map((line): unknown => JSON.parse(line)),
    )

const split = (name: string, first: number, last: number, bytes: number, sha256: string): DerivedFile => ({
  path: `mbpp/${name}.jsonl`,
  of: [all],
  by: tasks(first, last),
  sha256,
  bytes,
  licence,
})

export const trainFile = split(
  ...(["train", 601, 974, 213530] as const),
  "ea31dc5d2570c5a2c3df681a3edf2fbb0638fa9ca60d8afdb672b1ac0a46d944",
)
export const validationFile = split(
  ...(["validation", 511, 600, 51301] as const),
  "71142bc3e723d26d5b9ded84979cec6822e38e0988aef179a35eda47f6456dbd",
)
/** Tasks 11 to 260, half of the official test split: for figures quoted during the development of a method. */
export const testStartFile = split(
  ...(["test_a", 11, 260, 143622] as const),
  "74274639a3823e1068dcfc55701bd7d583fa2ee191f4c3c3c5c02311d57b06f2",
)
/** Tasks 11 to 510, the official test split. */
export const testFile = split(
  ...(["test", 11, 510, 293358] as const),
  "1d86cdae959f1bd19e046beb9c9b2a982353c6d9bf198cc765ff75711b76ca00",
)
