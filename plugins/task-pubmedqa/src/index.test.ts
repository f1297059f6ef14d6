import { describe, expect, test } from "bun:test"
import { tmpdir } from "node:os"
import { Datasets } from "@winnow/core"
import { makeDatasets } from "@winnow/data"
import { checkTask, datasetsOf } from "@winnow/testing"
import { Effect } from "effect"
import { split } from "./files.ts"
import { pubmedqa } from "./index.ts"

const record = (n: number) => ({
  question: `Does ${n} mg help?`,
  contexts: [`${n} mg were given.`, "They helped."],
  long_answer: `It does at ${n} mg.`,
  final_decision: n % 3 === 0 ? "yes" : "no",
})
const records = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => record(from + i))
const datasets = datasetsOf({
  "domains/medical/pubmedqa_train.jsonl": records(30, 90),
  "domains/medical/pubmedqa_test_a.jsonl": records(0, 10),
  "domains/medical/pubmedqa_test.jsonl": records(0, 20),
})
const wrong = () => "none of these"

test("keeps the laws of tasks", async () => {
  await checkTask(pubmedqa(), { datasets, wrong })
  await checkTask(pubmedqa({ testSet: "all", maxTrain: 3, maxTest: 15 }), { datasets, wrong })
})

test("a record as it is trained on; the score takes its answer alone", async () => {
  const task = await Effect.runPromise(pubmedqa().instance.pipe(Effect.provideService(Datasets, datasets)))
  expect(task.examples("train")[0]).toEqual({
    prompt: "30 mg were given.\nThey helped.\nQuestion: Does 30 mg help?\nAnswer:\n",
    answer: "It does at 30 mg.\nThe final answer is: yes",
  })
  const [example] = task.examples("train")
  expect(task.score!(example!, "Because.\nThe final answer is: Yes.")).toBe(true)
  expect(task.score!(example!, "The final answer is: no")).toBe(false)
})

test("splits are those of the source's list of tests, training in its order", () => {
  const question = (n: number) => ({
    QUESTION: `Q${n}`,
    CONTEXTS: ["c"],
    LABELS: ["L"],
    MESHES: [],
    YEAR: null,
    reasoning_required_pred: "no",
    final_decision: "no",
    LONG_ANSWER: "a",
  })
  const numbers = [900, 20, 7, 300]
  const entries = numbers.map((n) => `"${n}": ${JSON.stringify(question(n))}`)
  const labelled = new TextEncoder().encode(`{${entries.join(", ")}}`)
  const truth = new TextEncoder().encode('{"20": "no", "300": "yes"}')
  const idsOf = (lines: string) => Array.from(lines.matchAll(/"pmid": "(\d+)"/g), ([, pmid]) => Number(pmid))
  expect(idsOf(split("train")(labelled, truth))).toEqual([900, 7])
  expect(idsOf(split("test")(labelled, truth)).sort()).toEqual([20, 300])
  expect(idsOf(split("test", 1)(labelled, truth))).toEqual(idsOf(split("test")(labelled, truth)).slice(0, 1))
})

const data = process.env["WINNOW_DATA"]
describe.skipIf(data === undefined)(
  `the real files${data === undefined ? " (skipped: WINNOW_DATA is not set)" : ""}`,
  () => {
    test("keep the laws", async () => {
      const files = makeDatasets({ folder: data, cache: tmpdir() })
      await checkTask(pubmedqa(), { datasets: files, wrong })
      const task = await Effect.runPromise(pubmedqa().instance.pipe(Effect.provideService(Datasets, files)))
      const sizes = (["train", "validation", "test"] as const).map((split) => task.examples(split).length)
      expect(sizes).toEqual([450, 50, 250])
    })
  },
)
