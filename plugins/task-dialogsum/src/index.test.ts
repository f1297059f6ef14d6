import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Datasets } from "@winnow/core"
import { makeDatasets } from "@winnow/data"
import { checkTask, datasetsOf } from "@winnow/testing"
import { Effect } from "effect"
import { strToU8, zipSync } from "fflate"
import { trainOf } from "./files.ts"
import { dialogsum } from "./index.ts"
import { literal } from "./literal.ts"

/** Records in the source's form; a test dialogue has three summaries. */
const record = (n: number) => ({
  fname: `dialogue_${n}`,
  dialogue: `#Person1#: Have you read chapter ${n}?\n#Person2#: Not yet.`,
  ...(n < 20
    ? { summary1: `They talk of chapter ${n}.`, topic1: "a", summary2: "Another.", topic2: "b" }
    : { summary: `They talk of chapter ${n}.`, topic: "reading" }),
})
const records = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => record(from + i))
const datasets = datasetsOf({
  "summarisation/dialogsum_train.jsonl": records(30, 60),
  "summarisation/dialogsum_dev.jsonl": records(20, 30),
  "summarisation/dialogsum_test_a.jsonl": records(0, 10),
  "summarisation/dialogsum_test.jsonl": records(0, 20),
})

test("keeps the laws of tasks", async () => {
  await checkTask(dialogsum(), { datasets })
  await checkTask(dialogsum({ testSet: "all", maxTrain: 3, maxTest: 15 }), { datasets })
})

test("a dialogue as it is trained on; of a test dialogue's summaries the first", async () => {
  const task = await Effect.runPromise(dialogsum().instance.pipe(Effect.provideService(Datasets, datasets)))
  expect(task.examples("test")[2]).toEqual({
    prompt: "#Person1#: Have you read chapter 2?\n#Person2#: Not yet.\nSummary:\n",
    answer: "They talk of chapter 2.",
  })
  expect(task.examples("train")[0]!.answer).toBe("They talk of chapter 30.")
})

test("dialogues that a later split has are left out, and notes tell how many", async () => {
  const shared = datasetsOf({
    "summarisation/dialogsum_train.jsonl": [...records(0, 2), ...records(25, 40)],
    "summarisation/dialogsum_dev.jsonl": [record(25), { ...record(31), dialogue: record(4).dialogue }],
    "summarisation/dialogsum_test_a.jsonl": records(0, 10),
  })
  const notesOf = (of: typeof datasets) =>
    Effect.runPromise(dialogsum().instance.pipe(Effect.provideService(Datasets, of))).then(({ notes }) => notes)
  expect(await notesOf(shared)).toEqual([
    "3 of 17 examples of train are left out, as validation or test has their prompt",
    "1 of 2 examples of validation are left out, as test has their prompt",
  ])
  expect(await notesOf(datasets)).toEqual([])
})

test("a record without a summary is named by file and line", async () => {
  const broken = datasetsOf({
    "summarisation/dialogsum_train.jsonl": [record(40), { dialogue: "#Person1#: Hm.", topic: "none" }],
    "summarisation/dialogsum_test_a.jsonl": [],
  })
  const error = await Effect.runPromise(Effect.flip(dialogsum().instance.pipe(Effect.provideService(Datasets, broken))))
  expect(error.message).toStartWith("summarisation/dialogsum_train.jsonl, line 2: ")
  expect(error.message).toContain("summary")
})

test("the archive's Python literals become JSON", () => {
  expect(literal(String.raw`{'a': "it's \"so\"", 'b': 'x\n\t\\n', "c": '\xa0\u200b\U0001f600', 'd': [1, 2]}`)).toEqual({
    a: `it's "so"`,
    b: "x\n\t\\n",
    c: "\u00a0\u200b\u{1f600}",
    d: [1, 2],
  })
  expect(() => literal("{'a': open('x')}")).toThrow(SyntaxError)
  const inside = "{'fname': 'train_0', 'summary': \"It's\"}\n{'fname': 'train_1', 'summary': 'caf\u00e9'}\n"
  const zip = zipSync({ "DialogSum_Data/dialogsum.train.jsonl": strToU8(inside), "other.txt": strToU8("x") })
  expect(trainOf(zip)).toBe('{"fname": "train_0", "summary": "It\'s"}\n{"fname": "train_1", "summary": "caf\u00e9"}\n')
  expect(() => trainOf(zipSync({ "other.txt": strToU8("x") }))).toThrow("holds no DialogSum_Data")
})

const data = process.env["WINNOW_DATA"]
describe.skipIf(data === undefined)(
  `the real files${data === undefined ? " (skipped: WINNOW_DATA is not set)" : ""}`,
  () => {
    let cache: string
    beforeAll(async () => {
      cache = await mkdtemp(join(tmpdir(), "winnow-dialogsum-"))
    })
    afterAll(() => rm(cache, { recursive: true }))

    test("keep the laws, the gzipped one unpacked into the cache", async () => {
      const files = makeDatasets({ folder: data, cache })
      await checkTask(dialogsum(), { datasets: files })
      const task = await Effect.runPromise(dialogsum().instance.pipe(Effect.provideService(Datasets, files)))
      const sizes = (["train", "validation", "test"] as const).map((split) => task.examples(split).length)
      expect(sizes).toEqual([12412, 496, 250])
    })
  },
)
