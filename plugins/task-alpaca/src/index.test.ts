import { describe, expect, test } from "bun:test"
import { tmpdir } from "node:os"
import { Datasets } from "@winnow/core"
import { makeDatasets } from "@winnow/data"
import { checkTask, datasetsOf } from "@winnow/testing"
import { Effect } from "effect"
import { recordsOf } from "./files.ts"
import { heldBack } from "./held-back.ts"
import { alpaca } from "./index.ts"

const record = (n: number, input = "") => ({ instruction: `Name a number above ${n}.`, input, output: `${n + 1}\n` })
const records = Array.from({ length: 40 }, (_, n) => record(n, n % 2 === 0 ? "" : `Not ${n + 2}`))
const file = "alpaca/alpaca_5k.jsonl"
const taskOf = (lines: ReadonlyArray<unknown>, options = {}) =>
  Effect.runPromise(alpaca(options).instance.pipe(Effect.provideService(Datasets, datasetsOf({ [file]: lines }))))

test("keeps the laws of tasks", async () => {
  const datasets = datasetsOf({ [file]: records })
  await checkTask(alpaca({ validation: 5, test: 6 }), { datasets })
  await checkTask(alpaca({ validation: 5, test: 6, maxTrain: 3, maxTest: 2 }), { datasets })
})

test("the last records are test, those before them validation", async () => {
  const task = await taskOf(records, { validation: 5, test: 6 })
  expect(task.examples("test").map(({ answer }) => answer)).toEqual(["35", "36", "37", "38", "39", "40"])
  expect(task.examples("validation").map(({ answer }) => answer)).toEqual(["30", "31", "32", "33", "34"])
  expect(task.examples("train").length).toBe(29)
  expect(task.examples("train")[0]).toEqual({
    prompt: "Instruction:\nName a number above 0.\nResponse:\n",
    answer: "1",
  })
  expect(task.examples("train")[1]!.prompt).toBe("Instruction:\nName a number above 1.\nInput:\nNot 3\nResponse:\n")
})

test("an input that states its absence counts as none; a record without an output is left out", async () => {
  const written = ["<No Input>", "{\\noinput}", "N/A", "None", "No input."]
  const lines = [...written.map((input, n) => record(n, input)), { ...record(5), output: " " }, record(6), record(7)]
  const task = await taskOf(lines, { validation: 1, test: 1 })
  expect(task.examples("train").length).toBe(written.length)
  for (const { prompt } of task.examples("train")) expect(prompt).not.toContain("Input:")
  expect(
    (await taskOf([...lines, record(9, "None of these: 1")], { validation: 1, test: 1 })).examples("test")[0]!.prompt,
  ).toContain("Input:\nNone of these: 1\n")
})

test("records are made of the source's array without those that are held back", () => {
  const source = Array.from({ length: 5000 }, (_, n) => ({ instruction: `\u00e9 ${n}`, input: "", output: "" }))
  const lines = recordsOf(new TextEncoder().encode(JSON.stringify(source)))
    .trimEnd()
    .split("\n")
  expect(lines.length).toBe(4500)
  expect(lines[34]).toBe('{"instruction": "\u00e9 35", "input": "", "output": ""}')
  expect([33, 34, 35].map(heldBack)).toEqual([false, true, false])
})

const data = process.env["WINNOW_DATA"]
describe.skipIf(data === undefined)(
  `the real file${data === undefined ? " (skipped: WINNOW_DATA is not set)" : ""}`,
  () => {
    test("keeps the laws", async () => {
      const files = makeDatasets({ folder: data, cache: tmpdir() })
      await checkTask(alpaca(), { datasets: files })
      const task = await Effect.runPromise(alpaca().instance.pipe(Effect.provideService(Datasets, files)))
      const sizes = (["train", "validation", "test"] as const).map((split) => task.examples(split).length)
      expect(sizes).toEqual([3998, 250, 250])
    })
  },
)
