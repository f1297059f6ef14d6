import { describe, expect, test } from "bun:test"
import { tmpdir } from "node:os"
import { Datasets } from "@winnow/core"
import { makeDatasets } from "@winnow/data"
import { checkTask, datasetsOf } from "@winnow/testing"
import { Effect } from "effect"
import { tasks } from "./files.ts"
import { mbpp } from "./index.ts"

/** A record in the source's form. */
const record = (n: number) => ({
  text: `Write a function to add ${n}.`,
  code: `def add(a):\r\n\treturn a + ${n}\r\n`,
  task_id: n,
  test_setup_code: "",
  test_list: [`assert add(1) == ${n + 1}`, `assert add(-1) == ${n - 1}`],
  challenge_test_list: [],
})
const records = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => record(from + i))
const datasets = datasetsOf({
  "mbpp/train.jsonl": records(30, 60),
  "mbpp/validation.jsonl": records(20, 30),
  "mbpp/test_a.jsonl": records(0, 10),
  "mbpp/test.jsonl": records(0, 20),
})

test("keeps the laws of tasks", async () => {
  await checkTask(mbpp(), { datasets })
  await checkTask(mbpp({ testSet: "all", maxTrain: 3, maxTest: 15 }), { datasets })
})

test("a task as it is trained on: text and tests as a docstring, then the code with plain line ends", async () => {
  const task = await Effect.runPromise(mbpp().instance.pipe(Effect.provideService(Datasets, datasets)))
  expect(task.examples("test")[2]).toEqual({
    prompt: '"""\nWrite a function to add 2.\nassert add(1) == 3\nassert add(-1) == 1\n"""\n',
    answer: "def add(a):\n\treturn a + 2",
  })
})

test("a split is its task numbers of the source, letters unescaped", () => {
  const source = ["a", "it\u2019s", 'c"', "d"].map((text) => JSON.stringify({ text, task_id: 1, list: [1, "b"] }))
  const served = new TextEncoder().encode(`${source.join("\n").replace("\u2019", "\\u2019")}\n`)
  expect(tasks(2, 3)(served)).toBe(
    '{"text": "it\u2019s", "task_id": 1, "list": [1, "b"]}\n{"text": "c\\"", "task_id": 1, "list": [1, "b"]}\n',
  )
})

const data = process.env["WINNOW_DATA"]
describe.skipIf(data === undefined)(
  `the real files${data === undefined ? " (skipped: WINNOW_DATA is not set)" : ""}`,
  () => {
    test("keep the laws", async () => {
      const files = makeDatasets({ folder: data, cache: tmpdir() })
      await checkTask(mbpp(), { datasets: files })
      const task = await Effect.runPromise(mbpp().instance.pipe(Effect.provideService(Datasets, files)))
      const sizes = (["train", "validation", "test"] as const).map((split) => task.examples(split).length)
      expect(sizes).toEqual([374, 90, 250])
      expect(task.examples("train").some(({ answer }) => answer.includes("\r"))).toBe(false)
    })
  },
)
