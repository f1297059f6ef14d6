/** The questions of Spec-Bench, from one file at one commit of its repository. */
import { type DerivedFile, jsonLines, type ServedFile } from "@winnow/core"
import { type } from "arktype"

const licence = "Apache-2.0"

const all: ServedFile = {
  path: "spec_bench/question.jsonl",
  url: "https://raw.githubusercontent.com/hemingkx/Spec-Bench/fd2c1cd7d2201ef71db4c5f4e455008f017967bf/data/spec_bench/question.jsonl",
  sha256: "4b6d33e79484f9841c487ee87d1cf6aa8c6066f61d5d482ff09e5a007fafdf04",
  bytes: 698768,
  licence,
}

/** The first half of each category, by number of the question; of GSM8K's questions those of the test file's first half. */
const firstHalf: ReadonlyArray<readonly [first: number, last: number]> = [
  [81, 85],
  [91, 95],
  [101, 105],
  [111, 115],
  [121, 125],
  [131, 135],
  [141, 145],
  [151, 155],
  [161, 200],
  [241, 251],
  [253, 255],
  [257, 280],
  [321, 360],
  [402, 402],
  [404, 405],
  [407, 407],
  [409, 409],
  [416, 417],
  [421, 422],
  [424, 424],
  [426, 426],
  [428, 428],
  [433, 434],
  [439, 439],
  [443, 443],
  [445, 445],
  [447, 452],
  [454, 454],
  [458, 458],
  [461, 462],
  [465, 466],
  [471, 472],
  [478, 479],
  [481, 520],
]

const line = type({ question_id: "number.integer" })

/** The questions of these numbers, one a line. */
export const numbered =
  (ranges: typeof firstHalf) =>
  (bytes: Uint8Array | undefined): string =>
    jsonLines(
      new TextDecoder()
        .decode(bytes)
        .trimEnd()
        .split("\n")
        .map((text) => line.assert(JSON.parse(text)))
        .filter(({ question_id: id }) => ranges.some(([first, last]) => id >= first && id <= last)),
    )

/** 231 questions: those that figures are quoted on while a method is being worked on. */
export const halfFile: DerivedFile = {
  path: "spec_bench/questions_a.jsonl",
  of: [all],
  by: numbered(firstHalf),
  sha256: "e2484c01b5dd7f7182a3138d613e44afa36f7d4aef3144e0cc446591d25d68c8",
  bytes: 335266,
  licence,
}

/** All 480 questions. */
export const allFile: DerivedFile = {
  path: "spec_bench/questions.jsonl",
  of: [all],
  by: numbered([[0, Number.POSITIVE_INFINITY]]),
  sha256: "37b0bf3b5923141d1c2cf581f18d30dcc50a274d1a9cb8dfbb70a6238eeb3fb1",
  bytes: 695209,
  licence,
}
