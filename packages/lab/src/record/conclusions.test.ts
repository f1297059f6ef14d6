import { expect, test } from "bun:test"
import { aComparison, aRun } from "../../test/record.ts"
import { atLevel, comparisonsOf, differenceBetween, mainArm, meanTotal } from "./comparisons.ts"
import { conclusions } from "./conclusions.ts"
import type { DifferenceRecord, RunRecord } from "./schema.ts"

const run = aComparison({ prompts: 30 })
const arms = ["all-equal-steps", "adaspec", "all-equal-passes", "all-equal-compute"]

/** The run with the greedy difference of adaspec and another arm as given. */
const withDifference = (name: string, change: Partial<DifferenceRecord>, of: RunRecord = run): RunRecord => ({
  ...of,
  differences: of.differences.map((d) =>
    d.measure === "greedyAcceptance" && [d.a, d.b].toSorted().join() === ["adaspec", name].toSorted().join()
      ? { ...d, ...change }
      : d,
  ),
})
const sentence = (of: RunRecord, part: string) => conclusions(of).find((text) => text.includes(part))!

test("the arm that a run is about leaves tokens out by a reference; every other arm is compared to it and to the baseline", () => {
  expect(mainArm(run)!.name).toBe("adaspec")
  const { withBaseline, ofMain } = comparisonsOf(run)
  expect(withBaseline.map(({ over, under }) => [over.name, under.name])).toEqual(
    run.rows
      .filter(({ role, name }) => role === "arm" && name !== "all-equal-steps")
      .map(({ name }) => [name, "all-equal-steps"]),
  )
  expect(ofMain.every(({ over, under }) => over.name === "adaspec" && under.name !== "all-equal-steps")).toBe(true)
  expect(ofMain.length).toBe(withBaseline.length - 1)
  expect(mainArm(aRun())).toBeUndefined()
  // All tokens begun from the reference choose nothing.
  const chosen = {
    ...run,
    rows: run.rows.filter(({ name }) => ["all-equal-steps", "from-reference", "random"].includes(name)),
  }
  expect(mainArm(chosen)!.name).toBe("random")
})

test("a difference can be read from either side, at any level", () => {
  const [a, b] = [differenceBetween(run, "adaspec", "random")!, differenceBetween(run, "random", "adaspec")!]
  expect([b.value, b.low, b.high]).toEqual([-a.value!, -a.high!, -a.low!])
  expect(differenceBetween(run, "adaspec", "start")).toBeUndefined()
  const same = atLevel(a, run.conditions.prompts, 0.95)!
  expect(same.low).toBeCloseTo(a.low!, 9)
  expect(atLevel(a, run.conditions.prompts, 0.99)!.high).toBeGreaterThan(a.high!)
})

test("a difference is ahead, behind or not shown, by its interval", () => {
  const shown = withDifference("all-equal-compute", {
    a: "adaspec",
    b: "all-equal-compute",
    value: 0.012,
    low: 0.004,
    high: 0.02,
  })
  expect(sentence(shown, "all-equal-compute by")).toStartWith(
    "adaspec is ahead of all-equal-compute by 1.2 points of greedy acceptance, 95 % interval 0.4 to 2.0 (5 seeds, 30 prompts). " +
      "Both cost the same compute.",
  )
  // b against a is turned around
  const behind = withDifference("all-equal-steps", { value: 0.031, low: 0.011, high: 0.051 })
  expect(sentence(behind, "is behind all-equal-steps by 3.1")).toContain("interval 1.1 to 5.1")
  const open = withDifference("random", { a: "adaspec", b: "random", value: -0.0001, low: -0.008, high: 0.005 })
  expect(sentence(open, "between adaspec and random")).toBe(
    "No difference is shown between adaspec and random: 0.0 points of greedy acceptance, 95 % interval -0.8 to 0.5 (5 seeds, 30 prompts), " +
      "includes 0; more than 0.8 points either way is unlikely. Not at equal compute: adaspec took 2.6 times the FLOPs of random, " +
      "references and caches counted.",
  )
  const none = withDifference("random", { value: 0.01, low: null, high: null, errors: null })
  expect(sentence(none, "cannot be compared")).toContain("adaspec and random cannot be compared")
})

test("totals count the reference", () => {
  const row = run.rows.find(({ name }) => name === "adaspec")!
  expect(meanTotal(row, "flops")).toBe(row.budget[0]!.arm.flops + row.budget[0]!.reference!.flops)
})

test("several comparisons are counted, and those that a widened interval loses are named", () => {
  const errors = { seeds: 0.001, prompts: 0.001 }
  const sure = { value: 0.5, low: 0.4, high: 0.6, errors }
  const all = { ...run, differences: run.differences.map((d) => ({ ...d, ...sure })) }
  expect(sentence(all, "comparisons are made")).toContain("the 13 differences shown above stay")
  const barely = withDifference(
    "random",
    { ...sure, value: 0.004, low: 0.0001, high: 0.0079, errors: { seeds: 0.0014, prompts: 0 } },
    all,
  )
  expect(sentence(barely, "comparisons are made")).toContain(
    "1 of the 13 differences shown above would no longer be: adaspec against random.",
  )
})

test("capacity: at the floor, above it, no gap, unknown", () => {
  const kl = (floor: number, half: number, ofArms: number): RunRecord => {
    const interval = (value: number) => ({ value, low: value - 0.001, high: value + 0.001, seeds: 1 })
    const points = [half, floor].map((value, i) => ({
      name: "capacity",
      steps: 4000 * (i + 1),
      draftKl: interval(value),
      greedyAcceptance: interval(0.7),
    }))
    return {
      ...run,
      capacity: { seed: 1, points },
      rows: run.rows.map((row) => ({ ...row, draftKl: interval(row.role === "start" ? 0.6 : ofArms) })),
    }
  }
  const text = (...args: Parameters<typeof kl>) => sentence(kl(...args), "nats of KL")
  expect(text(0.3, 0.305, 0.4)).toContain(
    "comes down to 0.300 nats of KL (95 % over prompts 0.299 to 0.301, 1 seed). At half the steps it was 0.305",
  )
  expect(text(0.3, 0.305, 0.4)).toContain("all are above it")
  expect(text(0.3, 0.4, 0.4)).toContain("It still falls (0.400 at half the steps)")
  expect(text(0.3, 0.305, 0.31)).toContain("the best is near the floor")
  // half as far again from the half to the end as from the start: no floor is known yet, so none is near
  expect(text(0.4, 0.5, 0.41)).toEndWith("The arms are at 0.410 to 0.410.")
  expect(text(0.002, 0.003, 0.3)).toContain("its capacity limits nothing here")
  expect(sentence({ ...run, capacity: null }, "capacity")).toContain("was not checked")
})

test("tuning, few seeds, missing drafts and the limits of it all are said", () => {
  expect(sentence(run, "Learning rates")).toContain("chosen from 0.001, 0.003, 0.01 for each arm and reference")
  expect(sentence(run, "Learning rates")).toContain("The best of bottom is at an edge")
  expect(sentence({ ...run, tuning: null }, "Learning rates")).toContain("not tuned")
  expect(sentence({ ...run, seeds: [1, 2, 3] }, "With 3 seeds")).toContain("take five or more")
  expect(sentence({ ...run, seeds: [1] }, "With one seed")).toBeDefined()
  expect(sentence(run, "missing")).toStartWith("1 draft of bottom under 5 seeds is missing")
  const lost = { ...run, rows: run.rows.filter(({ name }) => name !== "all-equal-steps") }
  expect(sentence(lost, "missing whole")).toContain("The baseline, all-equal-steps, is missing whole.")
  expect(conclusions(run).at(-1)).toContain("Of other sizes, tasks and budgets it says nothing.")
  for (const name of arms) expect(run.conclusions.join(" ")).toContain(name)
})

test("a cache that both arms read does not hide how far their costs are apart", () => {
  const cost = run.rows.find(({ name }) => name === "adaspec")!.budget[0]!.total.flops
  const cache = { label: "target signals, hidden", key: "k", tokens: 1, bytes: 1, flops: 99 * cost, seconds: 1 }
  const cached: RunRecord = {
    ...run,
    rows: run.rows.map((row) => ({
      ...row,
      budget: row.budget.map((b) => ({
        ...b,
        signals: [cache],
        total: { ...b.total, flops: b.total.flops + cache.flops },
      })),
    })),
  }
  const ratio = /took ([\d.]+) times/.exec(
    sentence(run, "adaspec and all-equal-steps") ?? sentence(run, "all-equal-steps by"),
  )
  const text = conclusions(cached).find((t) => t.includes("all-equal-steps") && t.includes("without the caches"))!
  expect(text).toContain(`(${ratio![1]} times without the caches that both read)`)
  expect(Number(/took ([\d.]+) times/.exec(text)![1])).toBeLessThan(1.05)
})

test("no spread is no certainty", () => {
  const same = withDifference("random", { value: 0, low: 0, high: 0 })
  expect(sentence(same, "without any spread")).toContain("adaspec and random differ by 0.0 points")
})
