import { expect, test } from "bun:test"
import type { Plan, PlannedStage } from "@winnow/lab"
import { renderPlan } from "./plan-view.ts"

const stage = (label: string, kind: string, more: Partial<PlannedStage> = {}): PlannedStage => ({
  ...{ stage: label, kind, key: "0123456789abcdef", state: "to do", work: {}, seconds: null, basis: "unknown" },
  why: `the store has no ${kind} yet`,
  ...more,
})
const plan = (stages: ReadonlyArray<PlannedStage>, notes: ReadonlyArray<string> = []): Plan => ({
  ...{ stages, notes, seconds: 0, guessedLengths: false },
})
const sized = { work: { parameters: 1e5, steps: 250, tokens: 2e5 }, seconds: 10 }

test("stages of several seeds, and the points of a search, share a line", () => {
  const text = renderPlan(
    plan([
      stage("target", "target", { ...sized, state: "cached", why: null }),
      stage("arm a at rate 0.001, seed 0", "arm", sized),
      stage("try a, rate 0.001", "trial"),
      stage("arm a at rate 0.003, seed 0", "arm", { ...sized, work: { ...sized.work, steps: 500 } }),
      stage("try a, rate 0.003", "trial"),
      stage("arm a, seed 1", "arm", { ...sized, state: "cached", why: null }),
      stage("arm a, seed 2", "arm", { ...sized, state: "to resume" }),
    ]),
  )
  expect(text.split("\n")).toEqual([
    "stage           to do  weights    steps  tokens   time",
    "─────────────  ──────  ───────  ───────  ──────  ─────",
    "target              0     100k      250    200k",
    "arm a, search  2 of 2     100k  250-500    200k  ~20 s",
    "try a, search  2 of 2                                ?",
    "arm a          1 of 2     100k      250    200k  ~10 s",
    "",
    "5 of 7 stages to do: 2 without an estimate, the rest about 30 s on this machine;",
    "1 from a checkpoint.",
  ])
})

test("everything fits 80 columns, however long the labels and notes", () => {
  const long = `arm ${"very ".repeat(20)}long, seed 1`
  const why = `option ${"x".repeat(30)} is 3, was 2, file ${"y".repeat(30)} changed (since arm 01234)`
  const stages = [stage(long, "arm", { ...sized, why }), stage("data", "data", { why })]
  for (const verbose of [false, true]) {
    const lines = renderPlan(plan(stages, ["a note of many words ".repeat(9).trim()]), { verbose }).split("\n")
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80)
    expect(lines.join("\n")).toMatch(/^arm very .*\.\.\. /m)
    expect(lines).toContain("Why:")
    expect(lines.some((line) => line.startsWith("note: a note"))).toBe(true)
  }
})

test("a full store, and a store without estimates", () => {
  const cached = stage("target", "target", { ...sized, state: "cached", why: null })
  expect(renderPlan(plan([cached]))).toEndWith("Everything is there: a run only prints the table.")
  expect(renderPlan(plan([stage("data", "data")]))).toEndWith("1 of 1 stages to do: no estimate yet.")
  expect(renderPlan(plan([cached]), { verbose: true })).toMatch(/^target +cached +0123456789 +10 s$/m)
})
