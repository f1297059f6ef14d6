import { describe, expect, test } from "bun:test"
import { tmpdir } from "node:os"
import { Datasets, defineTask, type Example } from "@winnow/core"
import { makeDatasets } from "@winnow/data"
import { arithmetic } from "@winnow/task-arithmetic"
import { codealpaca } from "@winnow/task-codealpaca"
import { checkTask, datasetsOf } from "@winnow/testing"
import { type } from "arktype"
import { Effect } from "effect"
import { corrupt } from "./corrupt.ts"
import { corrupted } from "./index.ts"

const of = arithmetic({ train: 50, validation: 5, test: 5 })
const instance = (use: ReturnType<typeof corrupted>) =>
  Effect.runPromise(use.instance.pipe(Effect.provideService(Datasets, datasetsOf({}))))
const clean = (await Effect.runPromise(of.instance)).examples

const examples = (...answers: ReadonlyArray<string>): ReadonlyArray<Example> =>
  answers.map((answer, i) => ({ prompt: `p${i}`, answer }))
const words = (text: string) => text.split(/\s+/).toSorted()

test("a part of the training answers has its words in another order; all else is the other task's", async () => {
  const task = await instance(corrupted({ of }))
  const train = task.examples("train")
  expect(train.map(({ prompt }) => prompt)).toEqual(clean("train").map(({ prompt }) => prompt))
  const changed = train.filter(({ answer }, i) => answer !== clean("train")[i]!.answer)
  expect(changed).toHaveLength(20)
  expect(train.filter((example) => example.corrupted)).toEqual(changed)
  for (const [i, { answer }] of train.entries()) expect(words(answer)).toEqual(words(clean("train")[i]!.answer))
  expect([task.examples("validation"), task.examples("test")]).toEqual([clean("validation"), clean("test")])
  expect(task.notes).toEqual(["20 of 50 training answers of arithmetic have their words shuffled"])
})

test("keeps the laws of tasks, with each kind of noise", async () => {
  // A score would refuse the corrupted answers, as it should.
  const scoreless = defineTask({
    name: "scoreless",
    options: type({ "+": "reject" }),
    make: () => Effect.succeed({ examples: clean }),
  })
  for (const by of ["shuffled", "swapped"] as const)
    await checkTask(corrupted({ of: scoreless(), by, share: 1 }), { datasets: datasetsOf({}) })
})

test("blanks keep their places; words of one letter are moved too", () => {
  const { examples: out, chosen, unchanged } = corrupt(examples("a b\n  c d e f g"), 1, "shuffled", 0)
  expect(out[0]!.answer).toMatch(/^\w \w\n {2}\w \w \w \w \w$/)
  expect(words(out[0]!.answer)).toEqual(["a", "b", "c", "d", "e", "f", "g"])
  expect([chosen, unchanged, out[0]!.answer === "a b\n  c d e f g"]).toEqual([1, 0, false])
})

test("an answer that cannot change is counted: one word, or equal words", () => {
  const { examples: out, chosen, unchanged } = corrupt(examples("one", "no no no", "a b"), 1, "shuffled", 3)
  expect(out.map(({ answer }) => answer)).toEqual(["one", "no no no", "b a"])
  expect([chosen, unchanged]).toEqual([3, 2])
})

test("swapped: each chosen example has another chosen one's answer, and each answer is there once", () => {
  const all = examples(...Array.from({ length: 10 }, (_, i) => `answer ${i}`))
  const { examples: out, chosen, unchanged } = corrupt(all, 0.5, "swapped", 1)
  const moved = out.flatMap(({ answer }, i) => (answer === all[i]!.answer ? [] : [i]))
  expect([chosen, unchanged, moved.length]).toEqual([5, 0, 5])
  expect(out.map(({ answer }) => answer).toSorted()).toEqual(all.map(({ answer }) => answer).toSorted())
  expect(corrupt(all, 0.1, "swapped", 1)).toMatchObject({ chosen: 1, unchanged: 1, examples: all })
})

test("another seed corrupts other answers; a share of 0 none", () => {
  const all = examples(...Array.from({ length: 40 }, (_, i) => `the answer is ${i}`))
  const of = (seed: number, share = 0.4) => corrupt(all, share, "shuffled", seed).examples
  expect(of(1)).toEqual(of(1))
  expect(of(1)).not.toEqual(of(2))
  expect(of(1, 0)).toEqual(all)
})

const data = process.env["WINNOW_DATA"]
describe.skipIf(data === undefined)(
  `a task from files${data === undefined ? " (skipped: WINNOW_DATA is not set)" : ""}`,
  () => {
    test("is read as it is alone", async () => {
      const datasets = makeDatasets({ folder: data, cache: tmpdir() })
      await checkTask(corrupted({ of: codealpaca({ maxTrain: 200 }) }), { datasets })
    })
  },
)
