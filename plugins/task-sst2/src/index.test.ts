import { describe, expect, test } from "bun:test"
import { tmpdir } from "node:os"
import { Datasets } from "@winnow/core"
import { makeDatasets } from "@winnow/data"
import { checkTask, datasetsOf } from "@winnow/testing"
import { Effect } from "effect"
import { sentences } from "./files.ts"
import { sst2 } from "./index.ts"

const record = (n: number) => ({ text: `film ${n} is a joy .`, label: n % 2 })
const records = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => record(from + i))
const datasets = datasetsOf({
  "classification/sst2_train.jsonl": records(30, 60),
  "classification/sst2_dev.jsonl": records(20, 30),
  "classification/sst2_test_a.jsonl": records(0, 10),
  "classification/sst2_test.jsonl": records(0, 20),
})
const wrong = () => "none of these"

test("keeps the laws of tasks", async () => {
  await checkTask(sst2(), { datasets, wrong })
  await checkTask(sst2({ testSet: "all", maxTrain: 3, maxTest: 15 }), { datasets, wrong })
})

test("a record as it is trained on; the score takes its answer alone", async () => {
  const task = await Effect.runPromise(sst2().instance.pipe(Effect.provideService(Datasets, datasets)))
  expect(task.examples("train")[0]).toEqual({ prompt: "film 30 is a joy .\nSentiment:\n", answer: "negative" })
  const [example] = task.examples("train")
  expect(task.score!(example!, " Negative.\n")).toBe(true)
  expect(task.score!(example!, "negative or positive")).toBe(false)
})

test("lines of the source become records, all or each other one", () => {
  const served = new TextEncoder().encode("1 b\u00e9art is superb .\n0 it is not\n0 third\n")
  const first = '{"text": "b\u00e9art is superb .", "label": 1}\n'
  expect(sentences("half")(served)).toBe(`${first}{"text": "third", "label": 0}\n`)
  expect(sentences("all")(served)).toBe(`${first}{"text": "it is not", "label": 0}\n{"text": "third", "label": 0}\n`)
})

const data = process.env["WINNOW_DATA"]
describe.skipIf(data === undefined)(
  `the real files${data === undefined ? " (skipped: WINNOW_DATA is not set)" : ""}`,
  () => {
    test("keep the laws", async () => {
      const files = makeDatasets({ folder: data, cache: tmpdir() })
      await checkTask(sst2(), { datasets: files, wrong })
      const task = await Effect.runPromise(sst2().instance.pipe(Effect.provideService(Datasets, files)))
      const sizes = (["train", "validation", "test"] as const).map((split) => task.examples(split).length)
      expect(sizes).toEqual([6917, 872, 911])
    })
  },
)
