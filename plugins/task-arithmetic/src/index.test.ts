import { expect, test } from "bun:test"
import type { Example } from "@winnow/core"
import { checkTask } from "@winnow/testing"
import { Effect } from "effect"
import { arithmetic } from "./index.ts"

type Options = Parameters<typeof arithmetic>[0]
const make = (options: Options = {}) =>
  Effect.runPromise(arithmetic({ train: 2000, validation: 200, test: 200, ...options }).instance)
const failure = async (options: Options) => (await Effect.runPromise(Effect.flip(arithmetic(options).instance))).message

test("keeps the laws of tasks, at the least and the greatest difficulty too", async () => {
  const sizes = { train: 2000, validation: 200, test: 200 }
  await checkTask(arithmetic(sizes))
  await checkTask(arithmetic({ ...sizes, minSteps: 1, maxSteps: 1, largest: 20, operand: 5, factor: 2, phrasings: 1 }))
  await checkTask(
    arithmetic({ ...sizes, minSteps: 4, maxSteps: 4, largest: 9999, operand: 9999, factor: 9, names: 40, things: 24 }),
  )
})

const calculation = /(\d+)([-+*/])(\d+)=(\d+)/g
const results: Record<string, (a: number, b: number) => number> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
}

/** Every calculation in the answer, computed again. */
const worked = ({ answer }: Example) =>
  Array.from(answer.matchAll(calculation), ([, a, operation, b, result]) => {
    expect(`${a}${operation}${b}=${result}`).toBe(`${a}${operation}${b}=${results[operation!]!(Number(a), Number(b))}`)
    return [Number(a), Number(b), Number(result)] as const
  })

test("every calculation is right, uses numbers of the problem or of a line before, and leads to the answer", async () => {
  for (const example of (await make()).examples("train")) {
    const known = new Set(Array.from(example.prompt.matchAll(/\d+/g), ([digits]) => Number(digits)))
    for (const word of ["twice", "three times", "four times", "five times"])
      if (example.prompt.includes(word)) known.add(["twice", "three", "four", "five"].indexOf(word.split(" ")[0]!) + 2)
    const lines = worked(example)
    for (const [a, b, result] of lines) {
      expect([example.prompt, known.has(a), known.has(b)]).toEqual([example.prompt, true, true])
      known.add(result)
    }
    expect(example.answer).toEndWith(` The answer is ${lines.at(-1)![2]}.`)
    expect(example.prompt).toMatch(/^[A-Z].*\?\n$/)
  }
})

test("steps and numbers keep the bounds, and every allowed number of steps occurs", async () => {
  const largest = 60
  for (const [minSteps, maxSteps] of [
    [1, 1],
    [1, 4],
    [4, 4],
  ] as const) {
    const steps = new Set<number>()
    for (const example of (await make({ minSteps, maxSteps, largest, train: 1000 })).examples("train")) {
      steps.add(worked(example).length)
      for (const [digits] of (example.prompt + example.answer).matchAll(/\d+/g)) {
        expect(Number(digits)).toBeGreaterThanOrEqual(2)
        expect(Number(digits)).toBeLessThanOrEqual(largest)
      }
    }
    const allowed = [1, 2, 3, 4].filter((n) => n >= minSteps && n <= maxSteps)
    expect([...steps].toSorted()).toEqual(allowed)
  }
})

test("numbers to add, take away or multiply have a bound of their own", async () => {
  for (const example of (await make({ operand: 7, factor: 3, maxSteps: 4 })).examples("train")) {
    const packs = / (boxes|bags|packs|baskets) with /.test(example.prompt) // Their contents are added, up to 3 x 7.
    for (const [, a, operation, b, result] of example.answer.matchAll(calculation)) {
      const [x, y, z] = [Number(a), Number(b), Number(result)]
      const what = [example.prompt, example.answer]
      if (operation === "*") expect([...what, Math.min(x, y) <= 3]).toEqual([...what, true])
      else if (operation === "/") expect([...what, y <= 3]).toEqual([...what, true])
      else expect([...what, Math.min(x, y, z) <= (packs ? 21 : 7)]).toEqual([...what, true])
    }
  }
})

test("all four operations, all scenes, and many wordings occur", async () => {
  const examples = (await make()).examples("train")
  for (const operation of ["+", "-", "*", "/"]) {
    const share = examples.filter(({ answer }) => answer.includes(operation)).length / examples.length
    expect(share).toBeGreaterThan(0.02)
  }
  const skeletons = new Set(examples.map(({ prompt }) => prompt.replaceAll(/\d+/g, "n")))
  expect(skeletons.size).toBeGreaterThan(examples.length / 2)
})

test("the held-out splits stay when the training split grows, and change with the seed", async () => {
  const [small, large, other] = [await make({ train: 10 }), await make({ train: 300 }), await make({ seed: 2 })]
  expect(small.examples("test")).toEqual(large.examples("test"))
  expect(small.examples("validation")).toEqual(large.examples("validation"))
  expect(small.examples("train")).toEqual(large.examples("train").slice(0, 10))
  expect(other.examples("test")).not.toEqual(small.examples("test"))
})

test("the score reads the first answer and nothing else", async () => {
  const score = (await make({ train: 10 })).score!
  const example = { prompt: "", answer: "That makes 40+2=42. The answer is 42." }
  expect(score(example, "41+1=42. The answer is 42.")).toBe(true)
  expect(score(example, "The answer is 42. The answer is 7.")).toBe(true)
  expect(score(example, "The answer is 421.")).toBe(false)
  expect(score(example, "The answer is -42.")).toBe(false)
  expect(score(example, "That makes 40+2=42.")).toBe(false)
})

test("options that cannot be are refused with what would do", async () => {
  expect(await failure({ minSteps: 3, maxSteps: 2 })).toContain("minSteps must be at most maxSteps (2)")
  expect(await failure({ largest: 5 })).toContain("largest must be at least 10")
  expect(await Effect.runPromise(Effect.flip(arithmetic.use({ digits: 2 }).instance))).toMatchObject({
    message: expect.stringMatching(/^task arithmetic: digits must be removed; there are factor, largest, /),
  })
  const few = { minSteps: 1, maxSteps: 1, largest: 10, factor: 2, names: 8, things: 1, train: 100_000 } as const
  expect(await failure(few)).toMatch(/found \d+ distinct problems for the train split.*ask for fewer examples/)
})
