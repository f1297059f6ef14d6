import { describe, expect, test } from "bun:test"
import { tmpdir } from "node:os"
import { Datasets } from "@winnow/core"
import { makeDatasets } from "@winnow/data"
import { checkTask, datasetsOf } from "@winnow/testing"
import { Effect } from "effect"
import { finalNumber, toExample } from "./format.ts"
import { gsm8k } from "./index.ts"

type Options = Parameters<typeof gsm8k>[0]

/** Records in the source's form, so that the plugin is tested without the real files. */
const records = (n: number, from = 0) =>
  Array.from({ length: n }, (_, k) => {
    const [a, b] = [from + k, from + k + 1]
    return {
      question: `Ann has ${a} coins and gets ${b} more. How many has she?`,
      answer: `She has ${a}+${b} = <<${a}+${b}=${a + b}>>${a + b} coins.\n#### ${a + b}`,
    }
  })

const datasets = datasetsOf({ "gsm8k/train.jsonl": records(40), "gsm8k/test_a.jsonl": records(10, 100) })

const instance = (options: Options, from: Datasets["Service"] = datasets) =>
  gsm8k(options).instance.pipe(Effect.provideService(Datasets, from))
const make = (options: Options, from?: Datasets["Service"]) => Effect.runPromise(instance(options, from))

test("keeps the laws of tasks", async () => {
  await checkTask(gsm8k({ validation: 5 }), { datasets })
  await checkTask(gsm8k({ validation: 5, calculator: "kept", ending: "hashes" }), { datasets })
})

test("a problem as it is trained on, by option", async () => {
  const third = async (options: Options) => (await make({ validation: 5, ...options })).examples("train")[3]
  const prompt = "Question: Ann has 3 coins and gets 4 more. How many has she?\nAnswer:\n"
  const short = "She has 3+4 = 7 coins.\nThe final answer is: 7"
  const marked = "She has 3+4 = <<3+4=7>>7 coins.\n#### 7"
  expect(await third({})).toEqual({ prompt, answer: short })
  expect(await third({ calculator: "kept", ending: "hashes" })).toEqual({ prompt, answer: marked })
})

test("validation is the end of the training file; a maximum takes the start of a split", async () => {
  const task = await make({ validation: 5, maxTrain: 7, maxTest: 3 })
  const firstNumber = (split: "train" | "validation" | "test") =>
    task.examples(split).map(({ prompt }) => Number(/\d+/.exec(prompt)?.[0]))
  expect(firstNumber("train")).toEqual([0, 1, 2, 3, 4, 5, 6])
  expect(firstNumber("validation")).toEqual([35, 36, 37, 38, 39])
  expect(firstNumber("test")).toEqual([100, 101, 102])
})

test("a problem that is held out is not trained on, even if the file repeats it", async () => {
  const repeated = datasetsOf({
    "gsm8k/train.jsonl": [...records(40), ...records(1), ...records(1, 100)],
    "gsm8k/test_a.jsonl": records(10, 100),
  })
  await checkTask(gsm8k({ validation: 3 }), { datasets: repeated })
  const task = await make({ validation: 3 }, repeated)
  expect((["train", "validation", "test"] as const).map((split) => task.examples(split).length)).toEqual([38, 2, 10])
})

test("a record that is not as it should be is named by file and line", async () => {
  const broken = (line: unknown) =>
    Effect.runPromise(
      Effect.flip(instance({}, datasetsOf({ "gsm8k/train.jsonl": [...records(3), line], "gsm8k/test_a.jsonl": [] }))),
    )
  expect((await broken({ question: "Q?" })).message).toBe(
    "gsm8k/train.jsonl, line 4: answer must be a string (was missing)",
  )
  const endless = await broken({ question: "Q?", answer: "It is 4." })
  expect(endless.message).toBe('gsm8k/train.jsonl, line 4: answer has no last line "#### number"')
})

test("numbers are compared as numbers, in any notation", () => {
  const read = (text: string) => finalNumber(`The final answer is: ${text}`, "sentence")
  expect(["42", "42.", "1,080", "$5", "-3", "$-3", "-$3", "0.50", ".5", "7 apples"].map(read)).toEqual([
    42, 42, 1080, 5, -3, -3, -3, 0.5, 0.5, 7,
  ])
  expect(read("none")).toBeUndefined()
  expect(finalNumber("It is 4.\n#### 4\nQuestion: ...\n#### 5", "hashes")).toBe(4)
  expect(finalNumber("in the text #### 4", "hashes")).toBeUndefined()
  expect(toExample({ question: " Q? ", answer: "A.\n#### 1" }, { calculator: "removed", ending: "hashes" })).toEqual({
    prompt: "Question: Q?\nAnswer:\n",
    answer: "A.\n#### 1",
  })
})

const data = process.env["WINNOW_DATA"]
const without = data === undefined ? " (skipped: WINNOW_DATA is not set)" : ""

describe.skipIf(data === undefined)(`the real files${without}`, () => {
  const files = makeDatasets({ folder: data, cache: tmpdir() })
  test("keep the laws, every answer scored", async () => {
    await checkTask(gsm8k(), { datasets: files, scored: 10_000 })
    const task = await make({}, files)
    expect((["train", "validation", "test"] as const).map((split) => task.examples(split).length)).toEqual([
      6973, 500, 660,
    ])
    expect(task.examples("train").some(({ answer }) => /<<|>>|####/.test(answer))).toBe(false)
  })
})
