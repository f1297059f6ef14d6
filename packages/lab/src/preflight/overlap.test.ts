import { expect, test } from "bun:test"
import { type Example, textKey } from "@winnow/core"
import fc from "fast-check"
import { type Overlap, overlapOf } from "./overlap.ts"

const found = (measured: ReadonlyArray<Example>, trained: ReadonlyArray<Example>): Overlap => {
  const running = overlapOf(measured, trained)
  for (;;) {
    const { done, value } = running.next()
    if (done) return value
  }
}

const runsOf = (text: string) => {
  const small = text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())
  const words = small.match(/[a-z0-9\u0080-\uffff]+/g) ?? []
  return new Set(words.slice(4).map((_, i) => words.slice(i, i + 5).join(" ")))
}

/** The same by comparing each pair of prompts. */
const plain = (measured: ReadonlyArray<Example>, trained: ReadonlyArray<Example>): Overlap => {
  const all = measured.map(({ prompt }) => runsOf(prompt))
  const counts = new Map<string, number>()
  for (const run of all.flatMap((runs) => [...runs])) counts.set(run, (counts.get(run) ?? 0) + 1)
  const telling = all.map((runs) => [...runs].filter((run) => counts.get(run)! <= Math.max(20, measured.length / 10)))
  const others = trained.map(({ prompt, answer }) => ({ key: textKey(prompt), runs: runsOf(prompt), answer }))
  const keyOf = measured.map(({ prompt }) => textKey(prompt))
  const numbers = [...measured.keys()]
  const same = numbers.filter((m) => others.some(({ key }) => key === keyOf[m]))
  return {
    same,
    alike: same.filter((m) => others.some(({ key, answer }) => key === keyOf[m] && answer === measured[m]!.answer))
      .length,
    near: numbers.filter((m) => {
      const runs = telling[m]!
      const isNear = (other: ReadonlySet<string>) => runs.filter((run) => other.has(run)).length >= 0.8 * runs.length
      return !same.includes(m) && runs.length >= 4 && others.some((other) => isNear(other.runs))
    }),
  }
}

test("agrees with the comparison of each pair of prompts", () => {
  const word = fc.constantFrom("a", "B", "caf\u00e9", "d,", "E?", "7", "\n", "f-g", "\ufb01n", "fin")
  const prompt = fc.array(word, { maxLength: 14 }).map((words) => words.join(" "))
  const base = fc.array(prompt, { minLength: 1, maxLength: 6 })
  const examples = base.chain((prompts) =>
    fc.array(
      fc.record({
        prompt: fc.oneof(
          prompt,
          fc.constantFrom(...prompts),
          fc.constantFrom(...prompts).map((text) => ` ${text.toUpperCase()}.`),
          fc
            .tuple(fc.constantFrom(...prompts), fc.constantFrom("x", "yes indeed"))
            .map(([text, more]) => `${text} ${more}`),
        ),
        answer: fc.constantFrom("1", "2"),
      }),
      { minLength: 12, maxLength: 30 },
    ),
  )
  let [same, near] = [0, 0]
  fc.assert(
    fc.property(examples, fc.nat(29), (all, cut) => {
      const [measured, trained] = [all.slice(0, cut), all.slice(cut)]
      const overlap = found(measured, trained)
      expect(overlap).toEqual(plain(measured, trained))
      same += overlap.same.length
      near += overlap.near.length
    }),
    { numRuns: 300, seed: 5 },
  )
  expect(same).toBeGreaterThan(50)
  expect(near).toBeGreaterThan(5)
})

test("case, spaces and the mark at the end make no other prompt; an operator does", () => {
  const measured = ["What is 3 + 4?", "Sum 3-4"].map((prompt) => ({ prompt, answer: "7" }))
  expect(found(measured, [{ prompt: "what  is 3+4", answer: "seven" }])).toEqual({ same: [0], alike: 0, near: [] })
  expect(found(measured, [{ prompt: "Sum 3+4", answer: "7" }])).toEqual({ same: [], alike: 0, near: [] })
  expect(found(measured, [])).toEqual({ same: [], alike: 0, near: [] })
})

test("words that all prompts share say nothing", () => {
  const frame = "Below is a task that was written by a person. Answer it in one word."
  const of = (n: number) => ({ prompt: `${frame} What comes after ${n}?`, answer: `${n + 1}` })
  const measured = Array.from({ length: 40 }, (_, n) => of(n))
  expect(found(measured, [of(99)]).near).toEqual([])
})
