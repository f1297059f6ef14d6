import { describe, expect, test } from "bun:test"
import { readSelection, readyFilter, TokenJudge } from "@winnow/core"
import { focusFinetune } from "@winnow/filter-focus-finetune"
import { checkFilter, instanceOf, randomFilterInput } from "@winnow/testing"
import { Effect, Layer } from "effect"
import { futureGap } from "./index.ts"

/** A judge whose score of a token depends on the token and on its place. */
const judge = { nll: (text_T: Int32Array) => Float32Array.from(text_T, (id, t) => ((id * 7 + t * 3) % 11) / 4) }
const layer = Layer.succeed(TokenJudge, judge)
const ready = (options: Parameters<typeof futureGap>[0], nll = judge.nll) =>
  Effect.runPromise(Effect.provideService(readyFilter(futureGap(options)), TokenJudge, { nll }))

const claims = (k: number) => ({
  kept: (N: number) => Math.floor(k * (N - 1) + 1e-9) + 1,
  keptWhenEqual: (N: number) => N,
  refusesNotFinite: true,
})

describe("keeps the laws", () => {
  for (const order of ["top", "bottom"] as const)
    for (const k of [0.01, 0.4, 1])
      test(`${order}, k = ${k}`, () => checkFilter(futureGap({ k, order }), claims(k), layer))
  test("lambda = 0", () =>
    checkFilter(futureGap({ lambda: 0 }), { ...claims(0.4), permutationEquivariant: true }, layer))
})

test("lambda = 0 is focus-finetune, and asks no judge", async () => {
  const never = () => {
    throw new Error("asked")
  }
  const input = randomFilterInput(40, 3)
  const own = readSelection((await ready({ lambda: 0 }, never)).select(input))
  const other = readSelection((await instanceOf(focusFinetune({ k: 0.4 }))).select(input))
  expect([...own.weights_N]).toEqual([...other.weights_N])
})

test("a token that only its future tells is dropped; one that the judge finds hard too keeps its excess", async () => {
  const filter = await ready({ k: 0.4 }, (text_T) => Float32Array.from(text_T, (_, t) => [0.1, 0.2, 4, 0.3, 9][t]!))
  const input = {
    ...randomFilterInput(5, 1),
    //                           easy, future, learnable, learnable, noise
    draftNll_N: Float32Array.of(0.1, 8, 5, 3, 10),
    referenceNll_N: Float32Array.of(0.1, 5, 1, 0.2, 9.5),
    textOf: () => new Int32Array(5),
    sequence_N: new Int32Array(5),
    position_N: Int32Array.of(0, 1, 2, 3, 4),
  }
  // excess 0, 3, 4, 2.8, 0.5; gap 0, 4.8, -3, -0.1, 0.5
  expect([...readSelection(filter.select(input)).weights_N]).toEqual([0, 0, 1, 1, 0])
})
