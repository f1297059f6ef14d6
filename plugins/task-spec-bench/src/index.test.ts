import { describe, expect, test } from "bun:test"
import { tmpdir } from "node:os"
import { Datasets } from "@winnow/core"
import { makeDatasets } from "@winnow/data"
import { checkTask, datasetsOf } from "@winnow/testing"
import { Effect } from "effect"
import { numbered } from "./files.ts"
import { specBench } from "./index.ts"

const record = (n: number) => ({
  question_id: n,
  category: "qa",
  turns: [`Question ${n}?`, "And?"],
  reference: n % 2 === 1 ? [`It is ${n}.`] : [[`It may be ${n}.`, "No."]],
})
const records = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => record(from + i))
const datasets = datasetsOf({
  "spec_bench/questions_a.jsonl": records(0, 40),
  "spec_bench/questions.jsonl": records(0, 80),
})

test("keeps the laws of tasks", async () => {
  await checkTask(specBench(), { datasets })
  await checkTask(specBench({ testSet: "all", maxTrain: 3, maxTest: 15 }), { datasets })
})

test("a record as it is trained on; of several right answers the first", async () => {
  const task = await Effect.runPromise(specBench().instance.pipe(Effect.provideService(Datasets, datasets)))
  expect(task.examples("train")[0]).toEqual({ prompt: "Question 19?\nAnswer:\n", answer: "It is 19." })
  expect(task.examples("test")[0]!.answer).toBe("It may be 0.")
  expect(task.examples("test").length).toBe(36)
})

test("questions are chosen by number", () => {
  const served = new TextEncoder().encode([81, 82, 90].map((id) => `{"question_id": ${id}, "turns": ["x"]}\n`).join(""))
  expect(
    numbered([
      [82, 85],
      [90, 90],
    ])(served),
  ).toBe('{"question_id": 82, "turns": ["x"]}\n{"question_id": 90, "turns": ["x"]}\n')
})

const data = process.env["WINNOW_DATA"]
describe.skipIf(data === undefined)(
  `the real files${data === undefined ? " (skipped: WINNOW_DATA is not set)" : ""}`,
  () => {
    test("keep the laws", async () => {
      const files = makeDatasets({ folder: data, cache: tmpdir() })
      await checkTask(specBench(), { datasets: files })
      const task = await Effect.runPromise(specBench().instance.pipe(Effect.provideService(Datasets, files)))
      const sizes = (["train", "validation", "test"] as const).map((split) => task.examples(split).length)
      expect(sizes).toEqual([8, 9, 155])
    })
  },
)
