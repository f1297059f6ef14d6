import { describe, expect, test } from "bun:test"
import { tmpdir } from "node:os"
import { Datasets } from "@winnow/core"
import { makeDatasets } from "@winnow/data"
import { checkTask, datasetsOf } from "@winnow/testing"
import { Effect } from "effect"
import { records } from "./files.ts"
import { news } from "./index.ts"

const record = (n: number) => ({
  id: `${n}`,
  dataset: n % 3 === 0 ? "xsum" : "cnn_dailymail",
  document: `The council met ${n} times. It agreed on nothing.`,
  summary: `no agreement after ${n} meetings.`,
})
const path = "summarisation/news_cnndm_xsum_dev.jsonl"
const datasets = datasetsOf({ [path]: Array.from({ length: 60 }, (_, i) => record(i)) })
const read = (task = news(), from = datasets) =>
  task.instance.pipe(Effect.provideService(Datasets, from), Effect.runPromise)

test("keeps the laws of tasks", async () => {
  await checkTask(news(), { datasets })
  await checkTask(news({ from: "xsum", maxTrain: 3, maxTest: 2 }), { datasets })
})

test("an article as it is trained on, of one source or of both", async () => {
  expect((await read()).examples("train")[0]).toEqual({
    prompt: "The council met 0 times. It agreed on nothing.\nSummary:\n",
    answer: "no agreement after 0 meetings.",
  })
  const count = async (from: "both" | "cnn_dailymail" | "xsum") => {
    const task = await read(news({ from }))
    return (["train", "validation", "test"] as const).map((split) => task.examples(split).length)
  }
  expect(await count("both")).toEqual([42, 6, 12])
  const [one, other] = [await count("xsum"), await count("cnn_dailymail")]
  expect(one.map((n, i) => n + other[i]!)).toEqual([42, 6, 12])
  expect(one.every((n) => n > 0)).toBe(true)
})

test("a record of an unknown source, or without a summary, is named by file and line", async () => {
  for (const [fault, word] of [
    [{ dataset: "reuters" }, "dataset"],
    [{ summary: "" }, "summary"],
  ] as const) {
    const broken = datasetsOf({ [path]: [record(1), { ...record(2), ...fault }] })
    const error = await Effect.runPromise(Effect.flip(news().instance.pipe(Effect.provideService(Datasets, broken))))
    expect(error.message).toStartWith(`${path}, line 2: `)
    expect(error.message).toContain(word)
  }
})

test("the source's articles lose share buttons, doubled quotes and escapes", () => {
  const file = (content: object) => new TextEncoder().encode(JSON.stringify(content))
  const xsum = { article: "Share this withEmailFacebookCopy this linkA \\'b\\'.", Gold: "``a\\'\\'said b.", hash: "1" }
  const cnn = { hash: "f0", article: "Copy this link.", bart_reference: "It `` is '' so .", bart: "no" }
  expect(records(file(xsum), file(cnn))).toBe(
    '{"id": "1", "dataset": "xsum", "document": "A \'b\'.", "summary": "\\"a\\"said b."}\n' +
      '{"id": "f0", "dataset": "cnn_dailymail", "document": "Copy this link.", "summary": "It \\" is \\" so ."}\n',
  )
})

const data = process.env["WINNOW_DATA"]
describe.skipIf(data === undefined)(
  `the real files${data === undefined ? " (skipped: WINNOW_DATA is not set)" : ""}`,
  () => {
    test("keep the laws", async () => {
      const files = makeDatasets({ folder: data, cache: tmpdir() })
      await checkTask(news(), { datasets: files })
      const task = await read(news(), files)
      const sizes = (["train", "validation", "test"] as const).map((split) => task.examples(split).length)
      expect(sizes).toEqual([105, 15, 29])
      expect((await read(news({ from: "xsum" }), files)).examples("train").length).toBe(54)
    })
  },
)
