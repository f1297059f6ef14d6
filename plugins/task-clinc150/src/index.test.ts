import { describe, expect, test } from "bun:test"
import { tmpdir } from "node:os"
import { Datasets } from "@winnow/core"
import { makeDatasets } from "@winnow/data"
import { checkTask, datasetsOf } from "@winnow/testing"
import { Effect } from "effect"
import { queries } from "./files.ts"
import { clinc150 } from "./index.ts"

const record = (n: number) => ({ text: `how much is ${n} yen`, label: n % 2 === 0 ? "exchange_rate" : "oos" })
const records = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => record(from + i))
const datasets = datasetsOf({
  "classification/clinc150_train.jsonl": records(30, 60),
  "classification/clinc150_val.jsonl": records(20, 30),
  "classification/clinc150_test_a.jsonl": records(0, 10),
  "classification/clinc150_test.jsonl": records(0, 20),
})
const wrong = () => "none of these"

test("keeps the laws of tasks", async () => {
  await checkTask(clinc150(), { datasets, wrong })
  await checkTask(clinc150({ testSet: "all", maxTrain: 3, maxTest: 15 }), { datasets, wrong })
})

test("a record as it is trained on; the score takes its answer alone", async () => {
  const task = await Effect.runPromise(clinc150().instance.pipe(Effect.provideService(Datasets, datasets)))
  expect(task.examples("train")[0]).toEqual({ prompt: "how much is 30 yen\nIntent:\n", answer: "exchange rate" })
  const [example] = task.examples("train")
  expect(task.score!(example!, "exchange rate")).toBe(true)
  expect(task.score!(example!, "rate")).toBe(false)
  expect(task.examples("train")[1]!.answer).toBe("out of scope")
})

test("a split of the source becomes records, those out of scope behind them", () => {
  const pairs = (name: string) => [
    [`${name} 1`, "a"],
    [`${name} 2`, "b"],
  ]
  const names = ["train", "val", "test", "oos_train", "oos_val", "oos_test"]
  const served = new TextEncoder().encode(JSON.stringify(Object.fromEntries(names.map((name) => [name, pairs(name)]))))
  const line = (text: string, label: string) => `{"text": "${text}", "label": "${label}"}\n`
  expect(queries("test", "half")(served)).toBe(line("test 1", "a") + line("oos_test 1", "a"))
  expect(queries("val")(served)).toBe(
    line("val 1", "a") + line("val 2", "b") + line("oos_val 1", "a") + line("oos_val 2", "b"),
  )
})

const data = process.env["WINNOW_DATA"]
describe.skipIf(data === undefined)(
  `the real files${data === undefined ? " (skipped: WINNOW_DATA is not set)" : ""}`,
  () => {
    test("keep the laws", async () => {
      const files = makeDatasets({ folder: data, cache: tmpdir() })
      await checkTask(clinc150(), { datasets: files, wrong })
      const task = await Effect.runPromise(clinc150().instance.pipe(Effect.provideService(Datasets, files)))
      const sizes = (["train", "validation", "test"] as const).map((split) => task.examples(split).length)
      expect(sizes).toEqual([15096, 3100, 2750])
    })
  },
)
