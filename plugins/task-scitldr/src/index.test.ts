import { describe, expect, test } from "bun:test"
import { tmpdir } from "node:os"
import { Datasets } from "@winnow/core"
import { makeDatasets } from "@winnow/data"
import { checkTask, datasetsOf } from "@winnow/testing"
import { Effect } from "effect"
import { abstracts } from "./files.ts"
import { scitldr } from "./index.ts"

const record = (n: number) => ({
  id: `paper${n}`,
  title: `On ${n}`,
  document: `We study ${n} examples. They agree with theory.`,
  summaries: [`${n} examples agree with theory.`, ...(n < 30 ? ["Another."] : [])],
})
const records = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => record(from + i))
const datasets = datasetsOf({
  "summarisation/scitldr_train.jsonl": records(30, 60),
  "summarisation/scitldr_dev.jsonl": records(20, 30),
  "summarisation/scitldr_test_a.jsonl": records(0, 10),
  "summarisation/scitldr_test.jsonl": records(0, 20),
})

test("keeps the laws of tasks", async () => {
  await checkTask(scitldr(), { datasets })
  await checkTask(scitldr({ testSet: "all", maxTrain: 3, maxTest: 15 }), { datasets })
})

test("an abstract as it is trained on; of several summaries the first", async () => {
  const task = await Effect.runPromise(scitldr().instance.pipe(Effect.provideService(Datasets, datasets)))
  expect(task.examples("test")[2]).toEqual({
    prompt: "We study 2 examples. They agree with theory.\nSummary:\n",
    answer: "2 examples agree with theory.",
  })
})

test("a record without a summary is named by file and line", async () => {
  const files = { "summarisation/scitldr_dev.jsonl": [], "summarisation/scitldr_test_a.jsonl": [] }
  for (const summaries of [[], [" "], "none"]) {
    const lines = [record(40), { ...record(41), summaries }]
    const broken = datasetsOf({ ...files, "summarisation/scitldr_train.jsonl": lines })
    const error = await Effect.runPromise(Effect.flip(scitldr().instance.pipe(Effect.provideService(Datasets, broken))))
    expect(error.message).toStartWith("summarisation/scitldr_train.jsonl, line 2: ")
    expect(error.message).toContain("summar")
  }
})

test("the source's sentences become one text, its labels are left", () => {
  const line = (n: number) =>
    JSON.stringify({
      source: [`S ${n}.`, "\u00c9."],
      source_labels: [0, 1],
      paper_id: `p${n}`,
      target: ["T"],
      title: "X",
    })
  const served = new TextEncoder().encode(`${line(1)}\n${line(2)}\n${line(3)}`)
  const out = (n: number) => `{"id": "p${n}", "title": "X", "document": "S ${n}. \u00c9.", "summaries": ["T"]}\n`
  expect(abstracts(2)(served)).toBe(out(1) + out(2))
  expect(abstracts()(served)).toBe(out(1) + out(2) + out(3))
})

const data = process.env["WINNOW_DATA"]
describe.skipIf(data === undefined)(
  `the real files${data === undefined ? " (skipped: WINNOW_DATA is not set)" : ""}`,
  () => {
    test("keep the laws", async () => {
      const files = makeDatasets({ folder: data, cache: tmpdir() })
      await checkTask(scitldr(), { datasets: files })
      const task = await Effect.runPromise(scitldr().instance.pipe(Effect.provideService(Datasets, files)))
      const sizes = (["train", "validation", "test"] as const).map((split) => task.examples(split).length)
      expect(sizes).toEqual([1990, 618, 309])
    })
  },
)
