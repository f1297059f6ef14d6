import { afterAll, describe, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Datasets } from "@winnow/core"
import { makeDatasets } from "@winnow/data"
import { checkTask, datasetsOf } from "@winnow/testing"
import { Effect } from "effect"
import { speeches } from "./files.ts"
import { shakespeare } from "./index.ts"

const record = (n: number) => ({ first: `FIRST:\nSpeech ${n}.`, next: `SECOND:\nAnswer ${n}.` })
const records = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => record(from + i))
const datasets = datasetsOf({
  "domains/plain/tinyshakespeare.jsonl": records(0, 230),
})

test("keeps the laws of tasks", async () => {
  await checkTask(shakespeare(), { datasets })
  await checkTask(shakespeare({ maxTrain: 3, maxTest: 2 }), { datasets })
})

test("a record as it is trained on", async () => {
  const task = await Effect.runPromise(shakespeare().instance.pipe(Effect.provideService(Datasets, datasets)))
  expect(task.examples("train")[0]).toEqual({ prompt: "FIRST:\nSpeech 0.\n\n", answer: "SECOND:\nAnswer 0." })
})

test("speeches are put together until they are long enough, each in one record", () => {
  const speech = (n: number) => `SPEAKER ${n}:\n${"word ".repeat(30)}${n}.`
  const of = (numbers: ReadonlyArray<number>) => numbers.map(speech).join("\n\n")
  const records = speeches(new TextEncoder().encode(`${of([1, 2, 3, 4, 5])}\n`))
    .trimEnd()
    .split("\n")
  expect(records.map((text) => JSON.parse(text))).toEqual([
    { first: speech(1), next: of([2, 3]) },
    { first: speech(4), next: speech(5) },
  ])
})

const data = process.env["WINNOW_DATA"]
describe.skipIf(data === undefined)(
  `the real files${data === undefined ? " (skipped: WINNOW_DATA is not set)" : ""}`,
  () => {
    const cache = mkdtempSync(join(tmpdir(), "winnow-shakespeare-"))
    afterAll(() => rmSync(cache, { recursive: true }))

    test("keep the laws", async () => {
      const files = makeDatasets({ folder: data, cache })
      await checkTask(shakespeare(), { datasets: files })
      const task = await Effect.runPromise(shakespeare().instance.pipe(Effect.provideService(Datasets, files)))
      const sizes = (["train", "validation", "test"] as const).map((split) => task.examples(split).length)
      expect(sizes).toEqual([1607, 100, 100])
    })
  },
)
