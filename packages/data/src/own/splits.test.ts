import { expect, test } from "bun:test"
import { splitByHash, splitOf } from "./splits.ts"

const examples = Array.from({ length: 4000 }, (_, n) => ({ prompt: `Question ${n}`, answer: `${n}` }))

test("shares are exact and do not depend on other examples", () => {
  const shares = { validation: 0.05, test: 0.1 }
  const splits = splitByHash(examples, 0, shares)
  // three standard deviations of a binomial count
  expect(Math.abs(splits.test.length - 400)).toBeLessThan(3 * Math.sqrt(4000 * 0.1 * 0.9))
  expect(Math.abs(splits.validation.length - 200)).toBeLessThan(3 * Math.sqrt(4000 * 0.05 * 0.95))
  expect(splits.train.length + splits.validation.length + splits.test.length).toBe(4000)
  const part = splitByHash(examples.toReversed().slice(0, 900), 0, shares)
  for (const split of ["train", "validation", "test"] as const)
    expect(splits[split]).toEqual(expect.arrayContaining(part[split] as Array<(typeof examples)[number]>))
})

test("a seed draws other splits; test does not move with the share of validation", () => {
  const tested = (seed: number, validation: number) => splitByHash(examples, seed, { validation, test: 0.1 }).test
  expect(tested(1, 0.05)).not.toEqual(tested(0, 0.05))
  expect(tested(0, 0.5)).toEqual(tested(0, 0.05))
  expect(splitByHash(examples, 0, { validation: 0, test: 0 }).train.length).toBe(4000)
})

test("one prompt in other letters and spaces is in the same split", () => {
  for (const { prompt } of examples.slice(0, 200)) {
    const twice = [prompt, `  ${prompt.toUpperCase().replace(" ", "\n")}?`].map((text) => ({
      prompt: text,
      answer: "",
    }))
    const splits = splitByHash(twice, 0, { validation: 0.3, test: 0.3 })
    expect(Object.values(splits).filter(({ length }) => length > 0).length).toBe(1)
  }
  expect(splitOf("a", 0, { validation: 0, test: 0 })).toBe("train")
})
