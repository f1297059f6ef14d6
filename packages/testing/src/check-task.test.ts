/** Each law is shown to catch a task that breaks it. */
import { expect, test } from "bun:test"
import { Datasets, defineTask, type Example, type Split, type TaskInstance } from "@winnow/core"
import { type } from "arktype"
import { Effect } from "effect"
import { checkTask } from "./check-task.ts"
import { datasetsOf } from "./datasets-of.ts"
import { LawBroken } from "./law.ts"

const sums = (from: number): ReadonlyArray<Example> =>
  [0, 1, 2].map((i) => ({ prompt: `${from + i}+1=`, answer: String(from + i + 1) }))
const good: Record<Split, ReadonlyArray<Example>> = { train: sums(0), validation: sums(10), test: sums(20) }
const right = (example: Example, text: string) => text === example.answer

const task = (make: () => Omit<TaskInstance, "name">) =>
  defineTask({ name: "made", options: type({ "+": "reject" }), make: () => Effect.sync(make) })()
const withSplits = (changes: Partial<typeof good>, score = right) =>
  task(() => ({ examples: (split) => ({ ...good, ...changes })[split], score }))

const broken = async (use: ReturnType<typeof task>): Promise<string> => {
  const error = await checkTask(use).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(LawBroken)
  return (error as LawBroken).law
}

test("a good task passes, with and without a score", async () => {
  await checkTask(withSplits({}))
  await checkTask(task(() => ({ examples: (split) => good[split] })))
})

test("empty splits, prompts and answers are caught", async () => {
  expect(await broken(withSplits({ test: [] }))).toBe("not empty")
  expect(await broken(withSplits({ train: [{ prompt: " ", answer: "1" }] }))).toBe("prompt")
  expect(await broken(withSplits({ train: [{ prompt: "1+1=", answer: "\n" }] }))).toBe("answer")
})

test("splits that share a prompt are caught", async () => {
  expect(await broken(withSplits({ test: [...sums(20), ...sums(0)] }))).toBe("disjoint")
})

test("examples that change between instances or calls are caught", async () => {
  let made = 0
  const perInstance = task(() => {
    const shift = 100 * made++
    return { examples: (split) => (split === "train" ? sums(shift) : good[split]) }
  })
  expect(await broken(perInstance)).toBe("deterministic")
  const perCall = task(() => ({ examples: (split) => sums(100 * made++ + split.length) }))
  expect(await broken(perCall)).toBe("deterministic")
})

test("scores that refuse the answer or accept a wrong one are caught", async () => {
  expect(await broken(withSplits({}, () => false))).toBe("score accepts")
  expect(await broken(withSplits({}, () => true))).toBe("score refuses")
  expect(await broken(withSplits({}, (example, text) => text === "" || right(example, text)))).toBe("score refuses")
  const wordy = { prompt: "Is it?", answer: "yes" }
  expect(await broken(withSplits({ train: [wordy] }))).toBe("a wrong text")
  await checkTask(withSplits({ train: [wordy] }), { wrong: ({ answer }) => `not ${answer}` })
})

test("the error for a task that needs files says how to provide them", async () => {
  const file = { path: "set/a.jsonl", url: "", sha256: "", bytes: 0, licence: "" }
  const reading = defineTask({
    name: "reading",
    options: type({ "+": "reject" }),
    make: () =>
      Effect.gen(function* () {
        yield* (yield* Datasets).lines(file)
        return { examples: (split: Split) => good[split] }
      }),
  })()
  await expect(checkTask(reading)).rejects.toThrow("the task asks for set/a.jsonl; give checkTask its `datasets`")
  await checkTask(reading, { datasets: datasetsOf({ "set/a.jsonl": [] }) })
})
