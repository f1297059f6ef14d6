import { describe, expect, test } from "bun:test"
import { tmpdir } from "node:os"
import { Datasets } from "@winnow/core"
import { makeDatasets } from "@winnow/data"
import { checkTask, datasetsOf } from "@winnow/testing"
import { Effect } from "effect"
import { questions } from "./files.ts"
import { trec } from "./index.ts"

const record = (n: number) => ({ text: `Who was number ${n} ?`, label: n % 6 })
const records = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => record(from + i))
const datasets = datasetsOf({
  "classification/trec_train.jsonl": records(30, 90),
  "classification/trec_test_a.jsonl": records(0, 10),
  "classification/trec_test.jsonl": records(0, 20),
})
const wrong = () => "none of these"

test("keeps the laws of tasks", async () => {
  await checkTask(trec(), { datasets, wrong })
  await checkTask(trec({ testSet: "all", maxTrain: 3, maxTest: 15 }), { datasets, wrong })
})

test("a record as it is trained on; the score takes its answer alone", async () => {
  const task = await Effect.runPromise(trec().instance.pipe(Effect.provideService(Datasets, datasets)))
  expect(task.examples("train")[0]).toEqual({ prompt: "Who was number 30 ?\nType of answer:\n", answer: "description" })
  const [example] = task.examples("train")
  expect(task.score!(example!, "Description")).toBe(true)
  expect(task.score!(example!, "entity")).toBe(false)
  expect(task.examples("validation").map(({ prompt }) => prompt.slice(15, 17))).toEqual([
    "39",
    "49",
    "59",
    "69",
    "79",
    "89",
  ])
})

test("lines of the source, in Latin-1, become records, all or each other one", () => {
  const served = Buffer.from("3 Who was Andr\u00e9 ?\n5 How far ?\n1 What ?\n", "latin1")
  const first = '{"text": "Who was Andr\u00e9 ?", "label": 3}\n'
  expect(questions("half")(served)).toBe(`${first}{"text": "What ?", "label": 1}\n`)
  expect(questions("all")(served)).toBe(`${first}{"text": "How far ?", "label": 5}\n{"text": "What ?", "label": 1}\n`)
})

const data = process.env["WINNOW_DATA"]
describe.skipIf(data === undefined)(
  `the real files${data === undefined ? " (skipped: WINNOW_DATA is not set)" : ""}`,
  () => {
    test("keep the laws", async () => {
      const files = makeDatasets({ folder: data, cache: tmpdir() })
      await checkTask(trec(), { datasets: files, wrong })
      const task = await Effect.runPromise(trec().instance.pipe(Effect.provideService(Datasets, files)))
      const sizes = (["train", "validation", "test"] as const).map((split) => task.examples(split).length)
      expect(sizes).toEqual([4888, 545, 250])
    })
  },
)
