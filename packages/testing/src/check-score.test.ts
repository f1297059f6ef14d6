/** The laws of scores catch scores that break them: one broken score for each law. */
import { describe, expect, test } from "bun:test"
import { defineScore, type ScoreContext, type ScoreFigure, type ScoreFigures } from "@winnow/core"
import { type } from "arktype"
import { checkScore, type ScoreClaims } from "./check-score.ts"

type Input = ScoreFigures & ScoreContext

const score = (needs: ReadonlyArray<ScoreFigure>, of: (input: Input) => unknown) =>
  defineScore({
    name: "suspect",
    needs,
    better: "higher",
    options: type({ "+": "reject" }),
    make: () => (input) => of(input as Input) as number,
  })()

const sum = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0)

test("scores that keep the laws pass", async () => {
  await checkScore(score(["loss_M"], ({ loss_M }) => sum(loss_M)))
  const largest = score(["h_Nd"], ({ h_Nd }) => Math.max(...h_Nd))
  await checkScore(largest, { reference: ({ h_Nd }) => Array.from(h_Nd).toSorted((a, b) => b - a)[0]! })
})

const broken: ReadonlyArray<readonly [what: string, law: string, ReturnType<typeof score>, ScoreClaims?]> = [
  [
    "returns no number on a constant layer",
    "value",
    score(["h_Nd"], ({ h_Nd }) => 1 / (Math.max(...h_Nd) - Math.min(...h_Nd))),
  ],
  ["returns no number for one class", "value", score(["h_Nd"], ({ C }) => 1 / (C - 1))],
  ["returns text", "value", score([], () => "high")],
  ["throws", "throws nothing", score([], () => new Map<string, number[]>().get("none")!.length)],
  ["writes to its input", "input untouched", score(["h_Nd"], ({ h_Nd }) => (h_Nd[3] = 2))],
  ["writes to the classes", "input untouched", score([], ({ class_N }) => (class_N[0] = 3))],
  ["draws at random", "seeded", score([], () => Math.random())],
  ["reads what it does not need", "needs", score(["h_Nd"], ({ parameters }) => parameters)],
  ["depends on the order of the states", "order", score(["h_Nd"], ({ h_Nd }) => h_Nd[0]!)],
  [
    "depends on the numbers of the classes",
    "names",
    score(["h_Nd"], ({ h_Nd, class_N, d }) => Math.max(...h_Nd.filter((_, i) => class_N[Math.floor(i / d)] === 0))),
  ],
  [
    "is not its reference",
    "reference",
    score(["h_Nd"], ({ h_Nd }) => sum(h_Nd)),
    { reference: ({ h_Nd }) => 1.1 * sum(h_Nd) },
  ],
  ["grows with the states", "scale", score(["h_Nd"], ({ h_Nd }) => Math.max(...h_Nd)), { scaleInvariant: true }],
]

describe("a score that breaks a law is caught", () => {
  for (const [what, law, use, claims] of broken)
    test(what, () => expect(checkScore(use, claims)).rejects.toThrow(`score suspect breaks the law "${law}"`))
})
