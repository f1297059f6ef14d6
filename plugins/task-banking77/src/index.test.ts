import { describe, expect, test } from "bun:test"
import { tmpdir } from "node:os"
import { Datasets } from "@winnow/core"
import { makeDatasets } from "@winnow/data"
import { checkTask, datasetsOf } from "@winnow/testing"
import { Effect } from "effect"
import { queries } from "./files.ts"
import { banking77 } from "./index.ts"

const record = (n: number) => ({
  text: `Where is card ${n}?`,
  label: n % 2 === 0 ? "card_arrival" : "Refund_not_showing_up",
})
const records = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => record(from + i))
const datasets = datasetsOf({
  "classification/banking77_train.jsonl": records(30, 90),
  "classification/banking77_test_a.jsonl": records(0, 10),
  "classification/banking77_test.jsonl": records(0, 20),
})
const wrong = () => "none of these"

test("keeps the laws of tasks", async () => {
  await checkTask(banking77(), { datasets, wrong })
  await checkTask(banking77({ testSet: "all", maxTrain: 3, maxTest: 15 }), { datasets, wrong })
})

test("a record as it is trained on; the score takes its answer alone", async () => {
  const task = await Effect.runPromise(banking77().instance.pipe(Effect.provideService(Datasets, datasets)))
  expect(task.examples("train")[0]).toEqual({ prompt: "Where is card 30?\nIntent:\n", answer: "card arrival" })
  const [example] = task.examples("train")
  expect(task.score!(example!, "Card  arrival\n")).toBe(true)
  expect(task.score!(example!, "card")).toBe(false)
})

test("rows of the source become records, all or each other one", () => {
  const served = new TextEncoder().encode('text,category\n"\nWhy, card?\n",card_arrival\nb,b_b\n"c ""d""",e\n')
  const first = '{"text": "Why, card?", "label": "card_arrival"}\n'
  const last = '{"text": "c \\"d\\"", "label": "e"}\n'
  expect(queries("half")(served)).toBe(first + last)
  expect(queries("all")(served)).toBe(`${first}{"text": "b", "label": "b_b"}\n${last}`)
})

const data = process.env["WINNOW_DATA"]
describe.skipIf(data === undefined)(
  `the real files${data === undefined ? " (skipped: WINNOW_DATA is not set)" : ""}`,
  () => {
    test("keep the laws", async () => {
      const files = makeDatasets({ folder: data, cache: tmpdir() })
      await checkTask(banking77(), { datasets: files, wrong })
      const task = await Effect.runPromise(banking77().instance.pipe(Effect.provideService(Datasets, files)))
      const sizes = (["train", "validation", "test"] as const).map((split) => task.examples(split).length)
      expect(sizes).toEqual([8996, 1000, 1540])
    })
  },
)
