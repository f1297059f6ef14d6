import { expect, test } from "bun:test"
import { aComparison, aRun } from "../../test/record.ts"
import {
  armsRun,
  atLevel,
  comparisonsOf,
  differenceBetween,
  isLevel,
  mainArm,
  meanTotal,
  standingOf,
} from "./comparisons.ts"
import { conclusions, verdict } from "./conclusions.ts"
import type { DifferenceRecord, RunRecord } from "./schema.ts"
import { standingsLine } from "./standings.ts"

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

test("every other arm is compared to it and to the baseline", () => {
  expect(mainArm(run)!.name).toBe("adaspec")
  const { withBaseline, ofMain } = comparisonsOf(armsRun(run))
  expect(withBaseline.map(({ over, under }) => [over.name, under.name])).toEqual(
    run.rows
      .filter(({ role, name }) => role === "arm" && name !== "all-equal-steps")
      .map(({ name }) => [name, "all-equal-steps"]),
  )
  expect(ofMain.every(({ over, under }) => over.name === "adaspec" && under.name !== "all-equal-steps")).toBe(true)
  expect(ofMain.length).toBe(withBaseline.length - 1)
  expect(mainArm(aRun())).toBeUndefined()
  expect(mainArm({ ...run, about: "random" })!.name).toBe("random")
})

test("a difference can be read from either side, at any level", () => {
  const [a, b] = [differenceBetween(run, "adaspec", "random")!, differenceBetween(run, "random", "adaspec")!]
  expect([b.value, b.low, b.high]).toEqual([-a.value!, -a.high!, -a.low!])
  expect(differenceBetween(run, "adaspec", "start")).toBeUndefined()
  const same = atLevel(a, run.conditions.prompts, 0.95)!
  expect(same.low).toBeCloseTo(a.low!, 9)
  expect(atLevel(a, run.conditions.prompts, 0.99)!.high).toBeGreaterThan(a.high!)
})

test("a difference is ahead, behind or not shown, by its interval; expected acceptance stands beside greedy", () => {
  const shown = withDifference("all-equal-compute", {
    a: "adaspec",
    b: "all-equal-compute",
    value: 0.012,
    low: 0.004,
    high: 0.02,
  })
  expect(sentence(shown, "adaspec minus all-equal-compute")).toMatch(
    /^adaspec minus all-equal-compute: \+1\.2 points of greedy acceptance \[0\.4, 2\.0\], ahead; [-+]\d\.\d points of expected acceptance \[-?\d\.\d, -?\d\.\d\], (ahead|behind|no difference is shown); 5 seeds\. Both cost the same compute\.$/,
  )
  // b against a is turned around
  const behind = withDifference("all-equal-steps", { value: 0.031, low: 0.011, high: 0.051 })
  expect(sentence(behind, "adaspec minus all-equal-steps:")).toContain(
    "-3.1 points of greedy acceptance [-5.1, -1.1], behind",
  )
  const open = withDifference("random", { a: "adaspec", b: "random", value: -0.0001, low: -0.008, high: 0.005 })
  const text = sentence(open, "adaspec minus random")
  expect(text).toContain("0.0 points of greedy acceptance [-0.8, 0.5], no difference is shown; ")
  expect(text).toEndWith(
    "Not at equal compute: adaspec took 2.6 times the FLOPs of random, references, caches and texts counted.",
  )
  const none = withDifference("random", { value: 0.01, low: null, high: null, errors: null })
  expect(sentence(none, "adaspec minus random")).toContain("greedy acceptance, no interval can be made")
  // The sign of all of them is said once.
  expect(conclusions(run).filter((text) => text.startsWith("Differences are the first arm's")).length).toBe(1)
})

test("the verdict comes first: the arm, against what, its budget, seeds and this target; expected where that is primary", () => {
  const pair = { a: "all-equal-steps", b: "adaspec" }
  const behind = withDifference("all-equal-steps", { ...pair, value: 0.031, low: 0.011, high: 0.051 })
  expect(conclusions(behind)[0]).toMatch(
    /^Verdict: adaspec minus all-equal-steps, 400 steps \(0\.60 passes\) at [\d.]+ times the FLOPs: -3\.1 points of greedy acceptance \[-5\.1, -1\.1\], behind; 5 seeds, this target\.$/,
  )
  const same: RunRecord = { ...run, baseline: "all-equal-compute" }
  expect(verdict(same)).toStartWith(
    "Verdict: adaspec minus all-equal-compute, 400 steps (0.60 passes) at equal compute: ",
  )
  expect(verdict({ ...run, primary: "expected" })).toContain(" points of expected acceptance ")
  expect(conclusions({ ...run, primary: "expected" })[1]).toContain("expected acceptance is the primary measure")
  const unknown = run.rows.map((row) => ({
    ...row,
    budget: row.budget.map((b) => ({ ...b, arm: { ...b.arm, passes: null } })),
  }))
  expect(verdict({ ...run, rows: unknown })).toContain("all-equal-steps, 400 steps at ")
  // Of the baseline itself: against the first other arm.
  expect(verdict({ ...run, about: "all-equal-steps" })).toStartWith("Verdict: all-equal-steps minus adaspec")
  expect(verdict({ ...run, about: null })).toContain("about in experiment.ts names none of them")
  expect(verdict({ ...run, rows: run.rows.filter(({ name }) => name !== "adaspec") })).toBe(
    "No verdict: adaspec, which the run is about, has no figure.",
  )
  const only = run.rows.filter(({ name, role }) => role !== "arm" || name === "adaspec")
  expect(verdict({ ...run, rows: only })).toBe("No verdict: adaspec is the only arm with a figure.")
  expect(verdict({ ...run, rows: run.rows.filter(({ name }) => name !== run.baseline) })).toBe(
    `No verdict: the baseline, ${run.baseline}, has no figure.`,
  )
  expect(verdict({ ...run, differences: [] })).toBe(`No verdict: adaspec is not compared to ${run.baseline}.`)
  const apart = run.rows.map((row) =>
    row.name === "adaspec" ? { ...row, budget: row.budget.map((of) => ({ ...of, seed: of.seed + 100 })) } : row,
  )
  expect(verdict({ ...run, rows: apart, differences: [] })).toBe(
    `No verdict: no seed has both adaspec and ${run.baseline}.`,
  )
})

test("level is a conclusion of its own, by the 90 % interval; an interval around 0 alone is not", () => {
  const of = armsRun(run).concluded[0]!
  const prompts = run.conditions.prompts
  const pair = { a: "adaspec", b: "random" }
  const seedsAlone = (value: number, error: number) => {
    const half = (t: number) => t * error // Student's t with 4 degrees: 2.776 at 95 %, 2.132 at 90 %
    const errors = { seeds: error, prompts: 0, noise: 0 }
    return { ...pair, value, low: value - half(2.776), high: value + half(2.776), errors, seeds: [1, 2, 3, 4, 5] }
  }
  const difference = (value: number, error: number) => ({
    ...run.differences[0]!,
    ...seedsAlone(value, error),
    of,
  })
  // 0.001 + 2.132 * 0.0089 < 0.02 < 0.001 + 2.132 * 0.009
  expect([difference(0.001, 0.0089), difference(0.001, 0.009)].map((d) => standingOf(d, prompts))).toEqual([
    "level",
    "open",
  ])
  expect([difference(0.01, 0.003), difference(-0.01, 0.003)].map((d) => standingOf(d, prompts))).toEqual([
    "ahead",
    "behind",
  ])
  expect(isLevel(difference(0.01, 0.003), prompts)).toBe(true)
  expect(isLevel({ ...difference(0, 0.0001), of: { ...of, unit: "nats" } }, prompts)).toBe(false)
  const level = withDifference("random", seedsAlone(0.001, 0.005))
  expect(sentence(level, "adaspec minus random")).toContain(
    "+0.1 points of greedy acceptance [-1.3, 1.5], no difference is shown, level within 2 points; ",
  )
  expect(sentence(level, "two one-sided tests")).toStartWith("Level means shown to be within 2 points")
  const small = withDifference("random", seedsAlone(0.01, 0.003))
  expect(sentence(small, "adaspec minus random")).toContain("[0.2, 1.8], ahead by less than 2 points; ")
})

test("one line has the arm in question beside all others, the largest differences first", () => {
  const sure = (name: string, value: number, of: RunRecord) => {
    const at = of.differences.find(
      ({ measure, a, b }) => measure === "greedyAcceptance" && [a, b].includes("adaspec") && [a, b].includes(name),
    )!
    const sign = at.a === "adaspec" ? 1 : -1
    const ends = { value: sign * value, low: sign * value - 0.004, high: sign * value + 0.004 }
    return withDifference(name, { ...ends, errors: { seeds: 0.001, prompts: 0.001, noise: 0 } }, of)
  }
  const values = { random: 0.001, bottom: 0.154, "all-equal-steps": 0.03, "all-equal-compute": -0.059 }
  const all = Object.entries(values).reduce((of, [name, value]) => sure(name, value, of), run)
  const line = standingsLine(armsRun(all))!
  expect(line).toStartWith("adaspec is ahead of bottom (+15.4), all-equal-steps (+3.0)")
  expect(line).toContain("; level within 2 points with random (+0.1)")
  expect(line).toMatch(/behind all-equal-compute \(-5\.9\).*: points of greedy acceptance, this target\.$/)
  expect(standingsLine(armsRun(aComparison({ seeds: 2, prompts: 20 })))).toBeUndefined()
  expect(standingsLine(armsRun(aRun()))).toBeUndefined()
})

test("two seeds give no comparison; one seed is named", () => {
  const two = aComparison({ seeds: 2, prompts: 20 })
  expect(two.verdict).toMatch(/greedy acceptance, two seeds: no comparison; 2 seeds, this target\.$/)
  for (const text of two.conclusions.filter((text) => text.includes(" minus ")))
    expect(text).not.toMatch(/ahead|behind|no difference|\[-?\d/)
  expect(two.conclusions.join(" ")).not.toContain("Bonferroni")
  expect(two.differences[0]!.low).toBeNumber() // The record keeps what there is.
  const one = aComparison({ seeds: 1, prompts: 20 })
  expect(one.verdict).toContain("; under seed 1 alone, this target.")
})

test("totals count the reference", () => {
  const row = run.rows.find(({ name }) => name === "adaspec")!
  expect(meanTotal(row, "flops")).toBe(row.budget[0]!.arm.flops + row.budget[0]!.reference!.flops)
})

test("several comparisons are counted, and those that a widened interval loses are named", () => {
  const errors = { seeds: 0.001, prompts: 0.001, noise: 0 }
  const sure = { value: 0.5, low: 0.4, high: 0.6, errors }
  const all = { ...run, differences: run.differences.map((d) => ({ ...d, ...sure })) }
  expect(sentence(all, "comparisons are made")).toContain("the 26 differences shown above stay")
  const barely = withDifference(
    "random",
    { ...sure, value: 0.004, low: 0.0001, high: 0.0079, errors: { seeds: 0.0014, prompts: 0, noise: 0 } },
    all,
  )
  expect(sentence(barely, "comparisons are made")).toContain(
    "1 of the 26 differences shown above would no longer be: adaspec minus random (greedy).",
  )
})

test("capacity: at the floor, above it, no gap, unknown", () => {
  const kl = (floor: number, half: number, ofArms: number): RunRecord => {
    const interval = (value: number) => ({
      ...{ value, low: value - 0.001, high: value + 0.001, seeds: 1 },
      ...{ errors: { seeds: 0, prompts: 0.0005, noise: 0 }, cut: false, floor: false },
    })
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
  expect(text(0.3, 0.305, 0.4)).toBe(
    "Trained on all tokens for 8000 steps, a draft of this size has 0.300 nats of KL [0.299, 0.301] " +
      "(prompts alone, 1 seed), 0.305 at half the steps. The arms have 0.400 to 0.400.",
  )
  expect(sentence({ ...run, capacity: null }, "capacity")).toContain("was not checked")
})

test("conclusions mention the search, few seeds, missing drafts and the scope", () => {
  expect(sentence(run, "Learning rates")).toContain("chosen from 0.001, 0.003, 0.01 for each arm and reference")
  expect(sentence(run, "Learning rates")).toContain("The best of bottom is at an edge")
  expect(sentence({ ...run, sweep: null }, "Learning rates")).toContain("not tuned")
  expect(sentence({ ...run, seeds: [1, 2, 3] }, "With 3 seeds")).toContain("take five or more")
  expect(sentence({ ...run, seeds: [1] }, "With one seed")).toBeDefined()
  expect(sentence(run, "missing")).toStartWith("1 draft of bottom under 5 seeds is missing")
  const lost = { ...run, rows: run.rows.filter(({ name }) => name !== "all-equal-steps") }
  expect(sentence(lost, "missing whole")).toContain("The baseline, all-equal-steps, is missing whole.")
  expect(conclusions(run).at(-1)).toContain("Of other targets, sizes, tasks and budgets it says nothing.")
  // No sentence says more than an interval does.
  expect(run.conclusions.join(" ")).not.toMatch(/unlikely|matter|equal to|as good|limits nothing/)
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
  const ratio = /took ([\d.]+) times/.exec(sentence(run, "adaspec minus all-equal-steps:"))
  const text = conclusions(cached).find((t) => t.includes("all-equal-steps") && t.includes("without the caches"))!
  expect(text).toContain(`(${ratio![1]} times without the caches that both read)`)
  expect(Number(/took ([\d.]+) times/.exec(text)![1])).toBeLessThan(1.05)
})

test("no spread is no certainty", () => {
  const errors = { seeds: 0, prompts: 0, noise: 0 }
  const same = withDifference("random", { value: 0, low: null, high: null, errors })
  expect(sentence(same, "adaspec minus random")).toContain(
    "0.0 points of greedy acceptance, no spread under any seed or prompt, so no interval can be made",
  )
})
