import { expect, test } from "bun:test"
import { briefView } from "./brief-view.ts"

const unknown = { expected: null, alone: false, after: [] } as const
const planned = {
  _tag: "planned",
  beginning: true,
  slots: 1,
  stages: [
    { stage: "data", kind: "data", key: "data", unit: "", flops: 0, ...unknown, expected: 0 },
    { stage: "target", kind: "target", key: "target", unit: "steps", flops: 300, ...unknown },
    { stage: "arm", kind: "arm", key: "arm", unit: "steps", flops: 100, ...unknown },
  ],
} as const
const target = { stage: "target", index: 2, of: 3, unit: "steps" }
const arm = { stage: "arm", index: 3, of: 3, unit: "steps" }

/** A view with a fake clock, and its output. */
const watched = (terminal: boolean, columns = 80) => {
  let time = 0
  let written = ""
  const view = briefView({ write: (text) => (written += text), terminal, columns, now: () => time })
  return {
    ...view,
    wait: (seconds: number) => (time += seconds),
    take: () => {
      const text = written
      written = ""
      return text
    },
  }
}

test("without a terminal: a line as it begins, one every half minute, and what matters; no examples, no stage by stage", () => {
  const { report, wait, take, end } = watched(false)
  report(planned)
  report({ _tag: "note", text: "three examples", detail: true })
  report({ _tag: "note", text: "2 of 9 examples are longer" })
  report({ _tag: "done", reused: true, seconds: 1, key: "", stage: "data", index: 1, of: 3, unit: "" })
  report({ _tag: "started", resuming: false, ...target })
  for (let done = 1; done <= 100; done++) {
    wait(0.5)
    report({ _tag: "progress", done, total: 100, detail: "loss 1", ...target })
  }
  report({ _tag: "done", reused: false, seconds: 50, key: "", ...target })
  report({ _tag: "started", resuming: false, ...arm })
  report({ _tag: "failed", message: "loss is NaN", ...arm })
  end()
  expect(take()).toBe(
    [
      "2 of 9 examples are longer",
      "1 of 3 stages done: target",
      "1 of 3 stages done, about 0:37 left: target 60/100 steps",
      "arm: failed, stages that depend on it are left out: loss is NaN",
      "",
    ].join("\n"),
  )
})

for (const columns of [80, 120])
  test(`on a terminal of ${columns} columns: a line for the run with the time left, one for each stage, all gone in the end`, () => {
    const { report, wait, take, end } = watched(true, columns)
    report(planned)
    report({ _tag: "started", resuming: false, ...target })
    report({ _tag: "progress", done: 0, total: 100, detail: "", ...target })
    wait(30)
    take()
    report({ _tag: "progress", done: 50, total: 100, detail: `loss ${"1".repeat(200)}`, ...target })
    const lines = take().split("\n")
    expect(lines[0]).toEndWith("████████░░░░░░░░░░░░  0 of 3 stages done, about 0:50 left")
    expect(lines[1]).toStartWith("  target  50/100 steps  loss 111")
    for (const line of lines) expect(Bun.stringWidth(Bun.stripANSI(line))).toBeLessThan(columns)
    end()
    expect(take()).toEndWith("\u001b[2K")
  })

test("the time left counts what a resumed stage had before for nothing, and a new run begins at nothing", () => {
  const { report, wait, take } = watched(false)
  report(planned)
  report({ _tag: "started", resuming: true, ...target })
  report({ _tag: "progress", done: 50, total: 100, detail: "", ...target })
  take()
  wait(30)
  report({ _tag: "progress", done: 75, total: 100, detail: "", ...target })
  // 75 FLOPs took 30 s, and 175 are left.
  expect(take()).toBe("0 of 3 stages done, about 1:10 left: target 75/100 steps\n")
  report({ _tag: "done", reused: false, seconds: 1, key: "", ...target })
  report(planned)
  wait(30)
  report({ _tag: "started", resuming: false, ...target })
  expect(take()).toBe("0 of 3 stages done: target\n")
})
