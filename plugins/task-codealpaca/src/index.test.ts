import { describe, expect, test } from "bun:test"
import { tmpdir } from "node:os"
import { Datasets } from "@winnow/core"
import { makeDatasets } from "@winnow/data"
import { checkTask, datasetsOf } from "@winnow/testing"
import { Effect } from "effect"
import { recordsOf } from "./files.ts"
import { codealpaca } from "./index.ts"

const record = (n: number) => ({
  instruction: `Print ${n}.`,
  input: n % 2 === 0 ? "" : `In C${n}`,
  output: `print(${n})\n`,
})
const records = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => record(from + i))
const datasets = datasetsOf({
  "domains/coding/codealpaca.jsonl": records(0, 60),
})

test("keeps the laws of tasks", async () => {
  await checkTask(codealpaca(), { datasets })
  await checkTask(codealpaca({ maxTrain: 3, maxTest: 2 }), { datasets })
})

test("a record as it is trained on; an input has lines of its own", async () => {
  const task = await Effect.runPromise(codealpaca().instance.pipe(Effect.provideService(Datasets, datasets)))
  expect(task.examples("train")[0]).toEqual({ prompt: "Instruction:\nPrint 0.\nResponse:\n", answer: "print(0)" })
  expect(task.examples("train")[1]!.prompt).toBe("Instruction:\nPrint 1.\nInput:\nIn C1\nResponse:\n")
})

test("records are those of both files, without repeated ones and those without an output", () => {
  const of = (n: number, output = `${n}`) => ({ instruction: `i ${n}`, input: "", output })
  const json = (...records: ReadonlyArray<unknown>) => new TextEncoder().encode(JSON.stringify(records))
  const line = (n: number, source: string) =>
    `{"instruction": "i ${n}", "input": "", "output": "${n}", "source": "${source}"}\n`
  expect(recordsOf(json(of(1), of(2, " ")), json(of(1, "again"), of(3)))).toBe(
    line(1, "code_alpaca_2k") + line(3, "new_codealpaca"),
  )
})

const data = process.env["WINNOW_DATA"]
describe.skipIf(data === undefined)(
  `the real files${data === undefined ? " (skipped: WINNOW_DATA is not set)" : ""}`,
  () => {
    test("keep the laws", async () => {
      const files = makeDatasets({ folder: data, cache: tmpdir() })
      await checkTask(codealpaca(), { datasets: files })
      const task = await Effect.runPromise(codealpaca().instance.pipe(Effect.provideService(Datasets, files)))
      const sizes = (["train", "validation", "test"] as const).map((split) => task.examples(split).length)
      expect(sizes).toEqual([5296, 294, 294])
    })
  },
)
