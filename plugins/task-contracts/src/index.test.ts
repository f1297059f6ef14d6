import { describe, expect, test } from "bun:test"
import { tmpdir } from "node:os"
import { Datasets } from "@winnow/core"
import { makeDatasets } from "@winnow/data"
import { checkTask, datasetsOf } from "@winnow/testing"
import { Effect } from "effect"
import { paragraphs } from "./files.ts"
import { contracts } from "./index.ts"

const record = (n: number) => ({
  uid: `u${n}`,
  doc: "Terms",
  original_text: `the party of part ${n} agrees.`,
  reference_summary: `${n} agrees.`,
})
const records = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => record(from + i))
const datasets = datasetsOf({
  "domains/legal/contract_summaries.jsonl": records(0, 40),
})

test("keeps the laws of tasks", async () => {
  await checkTask(contracts(), { datasets })
  await checkTask(contracts({ maxTrain: 3, maxTest: 2 }), { datasets })
})

test("a record as it is trained on", async () => {
  const task = await Effect.runPromise(contracts().instance.pipe(Effect.provideService(Datasets, datasets)))
  expect(task.examples("train")[0]).toEqual({
    prompt: "the party of part 0 agrees.\nIn plain English:\n",
    answer: "0 agrees.",
  })
})

test("records are the paragraphs of the documents that are not held back", () => {
  const of = (n: number, doc: string) => ({
    doc,
    id: "x",
    original_text: `o ${n}`,
    reference_summary: `r ${n}`,
    title: "",
    uid: `${n}`,
  })
  const all = { a: of(1, "Terms"), b: of(2, "Terms of Use"), c: of(3, "Privacy Policy") }
  const line = (n: number, doc: string) =>
    `{"uid": "${n}", "doc": "${doc}", "original_text": "o ${n}", "reference_summary": "r ${n}"}\n`
  expect(paragraphs(new TextEncoder().encode(JSON.stringify(all)))).toBe(line(1, "Terms") + line(3, "Privacy Policy"))
})

const data = process.env["WINNOW_DATA"]
describe.skipIf(data === undefined)(
  `the real files${data === undefined ? " (skipped: WINNOW_DATA is not set)" : ""}`,
  () => {
    test("keep the laws", async () => {
      const files = makeDatasets({ folder: data, cache: tmpdir() })
      await checkTask(contracts(), { datasets: files })
      const task = await Effect.runPromise(contracts().instance.pipe(Effect.provideService(Datasets, files)))
      const sizes = (["train", "validation", "test"] as const).map((split) => task.examples(split).length)
      expect(sizes).toEqual([251, 35, 71])
    })
  },
)
