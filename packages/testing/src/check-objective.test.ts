/** A broken objective for each law. */
import { expect, test } from "bun:test"
import { defineObjective, type MakeProblem, nextTokenProblem, type Problem } from "@winnow/core"
import { type } from "arktype"
import { checkObjective } from "./check-objective.ts"

const objective = (problem: MakeProblem, repeats = false) =>
  defineObjective({ name: "odd", repeats, reads: "before", options: type({ "+": "reject" }), make: () => problem })()
const changed =
  (change: (problem: Problem) => Partial<Problem>): MakeProblem =>
  ({ examples, padId }) => {
    const problem = nextTokenProblem(examples, padId)
    return { ...problem, ...change(problem) }
  }

const cases: ReadonlyArray<readonly [string, MakeProblem, string, boolean?]> = [
  ["nothing", () => undefined as never, "returned undefined; expected a problem"],
  ["floats", changed(({ row_N }) => ({ row_N: Float32Array.from(row_N) as never })), "its row_N is a Float32Array"],
  ["a shorter list", changed(({ gold_N }) => ({ gold_N: gold_N.slice(1) })), "its gold_N has"],
  ["another number of tokens", changed(({ tokens }) => ({ tokens: tokens + 1 })), "the sum of length_B is"],
  ["an id beyond the vocabulary", changed(({ ids_BT }) => ({ ids_BT: ids_BT.map(() => 64) })), "ids 0 to 63"],
  ["padding as a row", changed(({ length_B }) => ({ length_B: length_B.map(() => 1), tokens: 5 })), "is no input of"],
  ["rows backwards", changed(({ row_N }) => ({ row_N: row_N.toReversed() })), "row"],
  ["another token", changed(({ gold_N }) => ({ gold_N: gold_N.map((id) => (id + 1) % 64) })), "of its example is"],
  [
    "no row",
    changed(() => {
      const none = new Int32Array(0)
      return { row_N: none, gold_N: none, sequence_N: none, position_N: none }
    }),
    "predicts no token",
  ],
  [
    "an example that is written to",
    ({ examples, padId }) => {
      const problem = nextTokenProblem(examples, padId)
      examples[0]!.ids[0] = (examples[0]!.ids[0]! + 1) % 64
      return { ...problem, ids_BT: problem.ids_BT, gold_N: problem.gold_N }
    },
    "wrote to an example's ids",
  ],
  [
    "draws of its own",
    changed(({ ids_BT }) => ({ ids_BT: ids_BT.map(() => Math.floor(64 * Math.random())) })),
    "draw from input.rng only",
  ],
  [
    "other inputs each time",
    ({ examples, rng }) => nextTokenProblem(examples, rng.below(64)),
    "set repeats to false",
    true,
  ],
  ["throws", () => Int32Array.of(1)[3]!.toFixed() as never, "threw"],
]
for (const [what, problem, message, repeats] of cases)
  test(what, () => expect(checkObjective(objective(problem, repeats))).rejects.toThrow(message))

test("the next token keeps them", () =>
  checkObjective(
    objective(
      changed(() => ({})),
      true,
    ),
  ))

test("declared rows that do not exist break the law, unless they depend on the content", async () => {
  const half = (rows?: () => number) =>
    defineObjective({
      name: "half",
      repeats: false,
      reads: "before",
      options: type({ "+": "reject" }),
      ...(rows && { rows }),
      make:
        () =>
        ({ examples, padId }) =>
          nextTokenProblem(
            examples.map(({ ids, promptLength }) => ({
              ids,
              promptLength: Math.floor((promptLength + ids.length) / 2),
            })),
            padId,
          ),
    })()
  await expect(checkObjective(half())).rejects.toThrow(
    "rows tells 100 rows of an example of 120 tokens with 20 of prompt, its problems have 50",
  )
  await checkObjective(half(), 64, { rowsByContent: true })
  await expect(checkObjective(half(() => -1))).rejects.toThrow("rows returned -1 for an example of 120 tokens")
  await expect(checkObjective(half(() => 500))).rejects.toThrow("rows returned 500 for an example of 120 tokens")
})

test("a definition without its traits is refused where it stands", () => {
  const spec = { name: "odd", options: type({ "+": "reject" }), make: () => () => undefined as never }
  expect(() => defineObjective({ ...spec, reads: "before" } as never)).toThrow("its repeats is undefined")
  expect(() => defineObjective({ ...spec, repeats: true, reads: "before", rows: 1 } as never)).toThrow(
    "its rows is the number 1",
  )
  expect(() => defineObjective({ ...spec, repeats: true, reads: "after" } as never)).toThrow(
    'its reads is the string "after"; expected "before" or "both"',
  )
})
