import { describe, expect, test } from "bun:test"
import { permutation, seeded, topFraction } from "@winnow/numerics"
import { checkFilter, instanceOf, randomFilterInput } from "@winnow/testing"
import { type } from "arktype"
import { Context, Effect } from "effect"
import { defineFilter, type FilterUse, readSelection } from "../filter.ts"
import { Reference } from "../frozen.ts"
import { linear, pieces } from "../schedule-value.ts"
import { both, defineCombinator, schedule, shuffled, shuffledWithin } from "./index.ts"

const excess = defineFilter({
  name: "excess",
  needs: ["draftLoss_N", "referenceLoss_N", "referenceNll_N"],
  options: type({ "+": "reject", k: "0 < number <= 1 = 0.4" }),
  make:
    ({ k }) =>
    ({ draftLoss_N, referenceLoss_N, referenceNll_N }) =>
      topFraction(
        draftLoss_N.map((x, n) => x - referenceLoss_N[n]! - 0.1 * referenceNll_N[n]!),
        k,
      ),
})
const surprise = defineFilter({
  name: "surprise",
  needs: ["draftNll_N"],
  options: type({ "+": "reject", k: "0 < number <= 1 = 0.5" }),
  make:
    ({ k }) =>
    ({ draftNll_N }) =>
      topFraction(draftNll_N, k),
})
const chance = defineFilter({
  name: "chance",
  needs: [],
  options: type({ "+": "reject", share: "0 < number <= 1 = 0.5" }),
  make:
    ({ share }) =>
    ({ N, rng }) =>
      Float32Array.from({ length: N }, (_, n) => (n === 0 || rng.uniform() < share ? 0.5 : 0)),
})
/** Keeps tokens above `factor` times the mean of all before. */
const aboveMean = defineFilter({
  name: "above-mean",
  needs: ["draftNll_N"],
  options: type({ "+": "reject", factor: "number > 0 = 1" }),
  make: ({ factor }) => {
    let [sum, count] = [0, 1]
    return {
      select: ({ draftNll_N }) => {
        const threshold = Math.min((factor * sum) / count, Math.max(...draftNll_N))
        for (const x of draftNll_N) sum += x
        count += draftNll_N.length
        return Uint8Array.from(draftNll_N, (x) => (x >= threshold ? 1 : 0))
      },
      save: () => [sum, count],
      restore: (state) => {
        ;[sum, count] = state as [number, number]
      },
    }
  },
})

const selected = async (use: FilterUse<unknown>, seed: number, step = 0) => {
  const { weights_N, divideBy } = readSelection((await instanceOf(use)).select(randomFilterInput(40, seed, step)))
  return { kept: Array.from(weights_N), divideBy }
}

describe("combined filters keep the laws of filters", () => {
  for (const [what, use] of Object.entries({
    shuffled: shuffled(excess()),
    "shuffled within bins": shuffledWithin(excess()),
    "a schedule": schedule(excess(), { k: linear(1, 0.1) }),
    "a schedule of a filter with a memory": schedule(aboveMean(), { factor: pieces(1, 0.5, 2) }),
    both: both(excess(), chance()),
    "both, one of them with a memory": both(aboveMean(), surprise()),
    "one in another": both(shuffled(schedule(excess(), { k: linear(1, 0.5) })), surprise({ k: 0.9 })),
  }))
    test(what, () => checkFilter(use))
})

describe("shuffled", () => {
  test("deals the reference's numbers out by one permutation, drawn before the filter draws", async () => {
    for (const seed of [1, 2, 3]) {
      const input = randomFilterInput(40, seed)
      const order = permutation(40, seeded(seed, "filter draws", 40, 0))
      const dealt = {
        ...input,
        referenceLoss_N: Float32Array.from(order, (n) => input.referenceLoss_N[n]!),
        referenceNll_N: Float32Array.from(order, (n) => input.referenceNll_N[n]!),
      }
      const expected = Array.from((await instanceOf(excess())).select(dealt) as Uint8Array)
      expect((await selected(shuffled(excess()), seed)).kept).toEqual(expected)
    }
  })

  test("has the needs, the kept fraction and the type of its filter", async () => {
    const use = shuffled(excess({ k: 0.3 }))
    expect(use.needs.statistics).toEqual(excess().needs.statistics)
    expect(use.needs.services).toEqual([Reference])
    expect(await Effect.runPromise(use.keeps)).toBe(0.3)
    // @ts-expect-error the reference that the inner filter needs is not never
    const free: FilterUse<never> = use
    expect(free.name).toBe("shuffled")
  })

  test("a filter that reads no reference is refused", async () => {
    await expect(instanceOf(shuffled(surprise()))).rejects.toThrow(
      "of must be a filter that reads a reference (was surprise, which reads none)",
    )
  })
})

describe("shuffled within bins", () => {
  /** The numbers of the reference that the filter reads, token by token. */
  const dealt = async (draft_N: ReadonlyArray<number>, bins: number, seed: number) => {
    let seen: ReadonlyArray<number> = []
    const spy = defineFilter({
      name: "spy",
      needs: ["draftLoss_N", "referenceLoss_N"],
      options: type({ "+": "reject" }),
      make:
        () =>
        ({ referenceLoss_N, N }) => {
          seen = Array.from(referenceLoss_N)
          return new Uint8Array(N).fill(1)
        },
    })
    const N = draft_N.length
    const input = randomFilterInput(N, seed)
    const numbered = {
      ...input,
      draftLoss_N: Float32Array.from(draft_N),
      referenceLoss_N: Float32Array.from(draft_N, (_, n) => n),
    }
    ;(await instanceOf(shuffledWithin(spy({}), { bins }))).select(numbered)
    return seen
  }

  test("a token gets the number of a token that is as hard for the draft", async () => {
    // By hand: the ranks of the draft's losses are 2 0 3 1, so the two bins are tokens {1, 3} and {0, 2}.
    const orders = new Set<string>()
    for (let seed = 0; seed < 40; seed++) {
      const seen = await dealt([5, 1, 9, 2], 2, seed)
      expect([seen[1]!, seen[3]!].toSorted()).toEqual([1, 3])
      expect([seen[0]!, seen[2]!].toSorted()).toEqual([0, 2])
      orders.add(seen.join())
    }
    expect(orders.size).toBe(4)
  })

  test("one bin shuffles all, as many bins as tokens move nothing, ties and few tokens are no error", async () => {
    const draft_N = Array.from({ length: 30 }, (_, n) => (n * 7) % 30)
    const all = await dealt(draft_N, 1, 3)
    expect(all.toSorted((a, b) => a - b)).toEqual(Array.from(draft_N, (_, n) => n))
    expect(all).not.toEqual(Array.from(draft_N, (_, n) => n))
    expect(await dealt(draft_N, 30, 3)).toEqual(Array.from(draft_N, (_, n) => n))
    expect((await dealt([1, 1, 1], 16, 5)).toSorted()).toEqual([0, 1, 2])
    expect(await dealt([4], 16, 5)).toEqual([0])
  })

  test("a filter that reads no reference is refused", async () => {
    await expect(instanceOf(shuffledWithin(surprise()))).rejects.toThrow(
      "of must be a filter that reads the draft and a reference (was surprise, which reads draftNll_N)",
    )
  })
})

describe("schedule", () => {
  test("the filter has the options of the step", async () => {
    const use = schedule(surprise({ k: 0.7 }), { k: linear(1, 0.1) })
    for (const [step, k] of [
      [0, 1],
      [50, 1 - (0.9 * 50) / 99],
      [99, 0.1],
    ] as const)
      expect((await selected(use, 7, step)).kept).toEqual((await selected(surprise({ k }), 7, step)).kept)
    expect(await Effect.runPromise(use.keeps)).toBeCloseTo(0.55)
    expect(await Effect.runPromise(schedule(aboveMean(), { factor: pieces(1) }).keeps)).toBe(
      await Effect.runPromise(aboveMean().keeps),
    )
  })

  test("a memory survives a change of options", async () => {
    const moving = await instanceOf(schedule(aboveMean(), { factor: pieces(1, 0.5) }))
    const [first, second] = [await instanceOf(aboveMean()), await instanceOf(aboveMean({ factor: 0.5 }))]
    const input = (step: number) => randomFilterInput(20, 3, step)
    expect(moving.select(input(10))).toEqual(first.select(input(10)))
    second.restore(first.save())
    expect(moving.select(input(60))).toEqual(second.select(input(60)))
    expect(moving.save()).toEqual(second.save())
  })

  test("a value that the option may not have is refused before any step, and a schedule that is none", async () => {
    await expect(instanceOf(schedule(surprise(), { k: linear(0.5, 0) }))).rejects.toThrow(
      "filter surprise: k must be positive (was 0)",
    )
    await expect(instanceOf(schedule(surprise(), { q: pieces(1) }))).rejects.toThrow("q must be removed")
    await expect(instanceOf(schedule(surprise(), {}))).rejects.toThrow(
      "move must be at least one option of the filter (was none)",
    )
    await expect(instanceOf(schedule(surprise(), { k: linear(1, 0.5, { start: 0.8, end: 0.2 }) }))).rejects.toThrow(
      "a start that is not after the end",
    )
  })
})

describe("both", () => {
  test("the weights are products, and the normaliser its own", async () => {
    const [a, b] = [await selected(surprise(), 5), await selected(excess(), 5)]
    const intersection = a.kept.map((w, n) => w * b.kept[n]!)
    expect(intersection).toContain(1)
    expect(await selected(both(surprise(), excess()), 5)).toEqual({ kept: intersection, divideBy: "kept" })
    expect((await selected(both(surprise(), excess(), { divideBy: "valid" }), 5)).divideBy).toBe("valid")
    expect((await selected(both(surprise({ k: 1 }), chance()), 5)).kept).toEqual((await selected(chance(), 5)).kept)
  })

  test("where no token is in both, the choice of the first stands", async () => {
    const lowest = defineFilter({
      name: "lowest",
      needs: ["draftNll_N"],
      options: type({ "+": "reject" }),
      make:
        () =>
        ({ draftNll_N }) =>
          topFraction(draftNll_N, 0.2, "bottom"),
    })
    const top = surprise({ k: 0.2 })
    expect((await selected(both(top, lowest()), 5)).kept).toEqual((await selected(top, 5)).kept)
  })

  test("needs of both, and services of the same name are refused", async () => {
    expect(both(surprise(), excess()).needs.statistics).toEqual([
      "draftNll_N",
      "draftLoss_N",
      "referenceLoss_N",
      "referenceNll_N",
    ])
    expect(await Effect.runPromise(both(surprise(), excess()).keeps)).toBeCloseTo(0.2)
    class Judge extends Context.Service<Judge, number>()("test/Judge") {}
    class Other extends Context.Service<Other, number>()("test/Other") {}
    const asking = <K extends Context.Key<unknown, unknown>>(name: string, judge: K) =>
      defineFilter({
        name,
        needs: [],
        services: { judge },
        options: type({ "+": "reject" }),
        make: () => (i) => new Uint8Array(i.N).fill(1),
      })()
    expect(Object.keys(both(asking("a", Judge), asking("b", Judge)).needs.own)).toEqual(["judge"])
    expect(() => both(asking("a", Judge), asking("b", Other))).toThrow(
      "its service judge is test/Other, and another filter beside it has test/Judge by that name",
    )
  })
})

test("a combinator says how much it keeps", () => {
  const define = defineCombinator as unknown as (spec: unknown) => unknown
  expect(() => define({ name: "odd", options: type({ "+": "reject" }), make: () => ({}) })).toThrow(
    "its keeps is undefined; expected a function",
  )
})
