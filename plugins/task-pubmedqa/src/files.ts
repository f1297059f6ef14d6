/** The labelled questions of PubMedQA, split as its authors do, from two files at one commit of their repository. */
import { createHash } from "node:crypto"
import { type DerivedFile, jsonLines, type ServedFile } from "@winnow/core"
import { type } from "arktype"

const licence = "MIT"
const folder = "https://raw.githubusercontent.com/pubmedqa/pubmedqa/1cbae8e92f72f20c8d3747cbb3bf5bc53554d997/data"

const served = (name: string, bytes: number, sha256: string): ServedFile => ({
  path: `domains/medical/${name}`,
  url: `${folder}/${name}`,
  sha256,
  bytes,
  licence,
})
/** All 1 000 labelled questions by number in PubMed, and the numbers of those that are the test split. */
const of = [
  served("ori_pqal.json", 2584787, "8b3276be8942ebbd77f3ddcda12c1749bf0e490045a736fd8438ee40cf37a41d"),
  served("test_ground_truth.json", 11414, "939fe566f09017d13b1ca64d2ddfee0bc2374b366048152997669cccedc44d51"),
] as const

const questions = type({
  "[string]": {
    QUESTION: "string",
    CONTEXTS: "string[]",
    LABELS: "string[]",
    MESHES: "string[]",
    YEAR: "string | null",
    LONG_ANSWER: "string",
    final_decision: "string",
  },
})
/** The numbers in the file's order: JSON.parse sorts such keys. */
const inOrder = (text: string): ReadonlyArray<string> => Array.from(text.matchAll(/"(\d+)": \{/g), ([, pmid]) => pmid!)

const digest = (text: string) => createHash("sha256").update(text).digest("hex")

/** A split as records: training in the file's order, the first test questions in the order of a hash of their number. */
export const split =
  (which: "train" | "test", most?: number) =>
  (labelled: Uint8Array | undefined, truth: Uint8Array | undefined): string => {
    const text = new TextDecoder().decode(labelled)
    const all = questions.assert(JSON.parse(text))
    const tested = type({ "[string]": "string" }).assert(JSON.parse(new TextDecoder().decode(truth)))
    const numbers =
      which === "train"
        ? inOrder(text).filter((pmid) => !Object.hasOwn(tested, pmid))
        : Object.keys(tested)
            .map((pmid) => [digest(pmid), pmid] as const)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([, pmid]) => pmid)
    return jsonLines(
      numbers.slice(0, most).map((pmid) => {
        const q = all[pmid]!
        return {
          pmid,
          question: q.QUESTION,
          contexts: q.CONTEXTS,
          context_labels: q.LABELS,
          meshes: q.MESHES,
          year: q.YEAR,
          long_answer: q.LONG_ANSWER,
          final_decision: q.final_decision,
        }
      }),
    )
  }

/** The 500 questions outside of the test split. */
export const trainFile: DerivedFile = {
  path: "domains/medical/pubmedqa_train.jsonl",
  of,
  by: split("train"),
  sha256: "7d2f07a0c3af63f8287e503eccb0e18734ad74883b8d3f030fa577287ce10f4c",
  bytes: 1077520,
  licence,
}

/** Half of the test split: those that figures are quoted on while a method is being worked on. */
export const testHalfFile: DerivedFile = {
  path: "domains/medical/pubmedqa_test_a.jsonl",
  of,
  by: split("test", 250),
  sha256: "3e452b8e719f233980bc611ef82d8a0a5cbc5af4d670f5d4416279ef742bfd6f",
  bytes: 542514,
  licence,
}

/** All 500 test questions. */
export const testFile: DerivedFile = {
  path: "domains/medical/pubmedqa_test.jsonl",
  of,
  by: split("test"),
  sha256: "23cdcbeb46e5f9329957a345bf6dd8fda21d76f83d87570efbf995991ab9141d",
  bytes: 1086724,
  licence,
}
