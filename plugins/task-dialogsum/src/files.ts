/** The files of DialogSum at two commits of its repository. */
import { type DerivedFile, jsonLines, type ServedFile } from "@winnow/core"
import { strFromU8, unzipSync } from "fflate"
import { literal } from "./literal.ts"

const licence = "CC BY-NC-SA 4.0"
const repository = "https://raw.githubusercontent.com/cylnlp/dialogsum"
const url = (name: string) =>
  `${repository}/848cc8c05e0a04def79326539de827f1b28786a0/DialogSum_Data/dialogsum.${name}.jsonl`

/** The archive of 2021-05-27, with the training split as Python literals. */
const archive: ServedFile = {
  path: "summarisation/DialogSum_Data.zip",
  url: `${repository}/9a79c6b7a768020c97b44e955312dd68172c34f4/DialogSum_Data.zip`,
  sha256: "640e43ee9a208f79618de9ce8f3dd2b56fdbb5fe81e619189fbba033254387f4",
  bytes: 4145589,
  licence,
}
const inside = "DialogSum_Data/dialogsum.train.jsonl"

/** The training split of the archive, its lines made JSON. */
export const trainOf = (zip: Uint8Array): string => {
  const text = unzipSync(zip, { filter: ({ name }) => name === inside })[inside]
  if (text === undefined) throw new Error(`the archive holds no ${inside}`)
  return jsonLines(strFromU8(text).trimEnd().split("\n").map(literal))
}

/** 12 460 dialogues. */
export const trainFile: DerivedFile = {
  path: "summarisation/dialogsum_train.jsonl",
  of: [archive],
  by: trainOf,
  sha256: "d223076c574192da82e8e56847b255e627196e2e7def9ed2b193cfb8e4940cba",
  bytes: 12069748,
  licence,
}

/** 500 dialogues. */
export const validationFile: ServedFile = {
  path: "summarisation/dialogsum_dev.jsonl",
  url: url("dev"),
  sha256: "436721e0a3571eef7072964f80e042fb151d8c6178db1a688ce8f803bbf0a13f",
  bytes: 471830,
  licence,
}

/** Dialogues 1 to 250 of the test file: for figures quoted during the development of a method. */
export const testStartFile: ServedFile = {
  path: "summarisation/dialogsum_test_a.jsonl",
  url: url("test"),
  startOf: true,
  sha256: "57a3f608f8b679939f4c9c70c4f33563dcefb1c8c9204b841ba621eb8b4ba2fa",
  bytes: 318010,
  licence,
}

/** All 500 test dialogues. */
export const testFile: ServedFile = {
  path: "summarisation/dialogsum_test.jsonl",
  url: url("test"),
  sha256: "6de36eca7e7b9b10975fd5ea3f47391df172d8b3c15d03d84d763cbaab015fda",
  bytes: 639707,
  licence,
}
