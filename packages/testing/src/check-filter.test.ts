/** The laws of filters catch filters that break them: one broken filter for each law. */
import { describe, expect, test } from "bun:test"
import { defineFilter, type FilterUse, type Select, type StatefulFilter, type Statistic } from "@winnow/core"
import { topFraction } from "@winnow/numerics"
import { type } from "arktype"
import { checkFilter, type FilterClaims } from "./check-filter.ts"
import { LawBroken } from "./law.ts"

const filter = <const S extends Statistic = never>(
  needs: ReadonlyArray<S>,
  make: () => Select<S> | StatefulFilter<S>,
) => defineFilter({ name: "suspect", needs, options: type({ "+": "reject" }), make })()

const all = (N: number) => new Uint8Array(N).fill(1)

/** Keeps tokens above the mean of all losses so far: a memory worth saving. */
const movingThreshold = (broken?: "forgets" | "not JSON") =>
  filter(["draftNll_N"], () => {
    let mean = 0
    return {
      select: ({ draftNll_N }) => {
        const kept_N = Uint8Array.from(draftNll_N, (x) => (x >= mean ? 1 : 0))
        for (const x of draftNll_N) mean += 0.01 * (x - mean)
        kept_N[0] = 1
        return kept_N
      },
      save: () => (broken === "forgets" ? 0 : broken === "not JSON" ? undefined : mean),
      restore: (state) => {
        mean = state as number
      },
    }
  })

describe("a filter that keeps the laws passes", () => {
  test("stateless", () =>
    checkFilter(
      filter(
        [],
        () =>
          ({ N }) =>
            all(N),
      ),
    ))
  test("with a memory", () => checkFilter(movingThreshold()))
  test("with weights", () =>
    checkFilter(
      filter(["acceptance_N"], () => ({ acceptance_N }) => ({
        weights_N: acceptance_N.map((a) => 1 - a),
        divideBy: "valid",
      })),
      { permutationEquivariant: true },
    ))
})

describe("a filter that breaks a law is caught", () => {
  const top = filter(
    ["draftNll_N"],
    () =>
      ({ draftNll_N }) =>
        topFraction(draftNll_N, 0.5),
  )
  const cases: ReadonlyArray<[law: string, use: FilterUse, claims?: FilterClaims]> = [
    [
      "length",
      filter(
        [],
        () =>
          ({ N }) =>
            all(N + 1),
      ),
    ],
    [
      "type",
      filter(
        [],
        () =>
          ({ N }) =>
            Array.from(all(N)) as unknown as Uint8Array,
      ),
    ],
    [
      "weights",
      filter(
        [],
        () =>
          ({ N }) =>
            new Float32Array(N).fill(-1),
      ),
    ],
    [
      "weights",
      filter(
        [],
        () =>
          ({ N }) =>
            new Float32Array(N).fill(Number.NaN),
      ),
    ],
    [
      "keeps something",
      filter(
        [],
        () =>
          ({ N }) =>
            new Uint8Array(N),
      ),
    ],
    [
      "keeps something",
      filter(
        [],
        () =>
          ({ N }) =>
            Uint8Array.from(all(N), (_, i) => (i < Math.floor(0.4 * N) ? 1 : 0)),
      ),
    ],
    [
      "normaliser",
      filter([], () => ({ N }) => ({ weights_N: all(N), divideBy: "batch" as "valid" })),
    ],
    [
      "needs",
      filter([], () => (input) => {
        const { draftLoss_N } = input as unknown as { draftLoss_N?: Float32Array }
        return draftLoss_N === undefined ? all(input.N) : new Uint8Array(input.N)
      }),
    ],
    [
      "deterministic",
      filter(
        [],
        () =>
          ({ N }) =>
            Float32Array.from(all(N), () => Math.random()),
      ),
    ],
    [
      "input untouched",
      filter(["draftNll_N"], () => ({ draftNll_N, N }) => {
        draftNll_N.sort()
        return all(N)
      }),
    ],
    [
      "permutation",
      filter(
        [],
        () =>
          ({ N }) =>
            Uint8Array.from(all(N), (_, i) => (i === 0 ? 1 : 0)),
      ),
      { permutationEquivariant: true },
    ],
    ["kept", top, { kept: (N) => N }],
    ["ties", top, { keptWhenEqual: () => 1 }],
    ["state", movingThreshold("forgets")],
    ["state is JSON", movingThreshold("not JSON")],
    [
      "refuses NaN",
      filter(
        ["draftNll_N"],
        () =>
          ({ N }) =>
            all(N),
      ),
      { refusesNotFinite: true },
    ],
  ]
  for (const [law, use, claims] of cases)
    test(law, async () => {
      const error = await checkFilter(use, claims).catch((e: unknown) => e)
      expect(error).toBeInstanceOf(LawBroken)
      expect((error as LawBroken).law).toBe(law)
      expect((error as LawBroken).message).toStartWith(`filter suspect breaks the law "${law}": `)
    })
})
