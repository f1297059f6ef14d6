import { expect, test } from "bun:test"
import { nextTokenProblem } from "./next-token.ts"
import { packedRows } from "./packed-rows.ts"
import { problemTexts } from "./problem-texts.ts"

const examples = [
  { ids: Int32Array.of(5, 6, 7, 8, 99), promptLength: 2 },
  { ids: Int32Array.of(5, 9, 99), promptLength: 1 },
  { ids: Int32Array.of(1, 2, 3, 4, 5, 99), promptLength: 5 },
]

test("each text is whole, in padded and in packed rows: prompt, answer, and the last token, which is no input", () => {
  const problem = nextTokenProblem(examples, 0)
  for (const of of [problem, packedRows(problem, 0)]) {
    const textOf = problemTexts(of)
    for (const [s, { ids }] of examples.entries()) expect(textOf(s)).toEqual(ids)
    expect(textOf(1)).toBe(textOf(1))
    expect(() => textOf(3)).toThrow("sequence 3 has no row")
  }
})

test("a gold token stands in the place of its mask", () => {
  const problem = {
    ...nextTokenProblem(examples.slice(0, 1), 0),
    ids_BT: Int32Array.of(5, 42, 7, 42, 99),
    ...{ T: 5, length_B: Int32Array.of(5), row_N: Int32Array.of(1, 3), gold_N: Int32Array.of(6, 8) },
    ...{ sequence_N: Int32Array.of(0, 0), position_N: Int32Array.of(1, 3) },
  }
  expect(problemTexts(problem)(0)).toEqual(Int32Array.of(5, 6, 7, 8, 99))
})
