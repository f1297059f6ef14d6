import { expect, test } from "bun:test"
import { clock, duration } from "@winnow/lab"
import { progressView } from "./progress-view.ts"

const at = { stage: "target", index: 3, of: 9, unit: "steps" }

/** A view with a fake clock, and its output. */
const watched = (terminal: boolean) => {
  let time = 0
  let written = ""
  const view = progressView({ write: (text) => (written += text), terminal, columns: 120, now: () => time })
  return {
    view,
    wait: (seconds: number) => (time += seconds),
    take: () => {
      const text = written
      written = ""
      return text
    },
  }
}

test("times read as people say them", () => {
  expect([clock(5), clock(75), clock(3675)]).toEqual(["0:05", "1:15", "1:01:15"])
  expect([duration(0.84), duration(42), duration(200)]).toEqual(["0.8 s", "42 s", "3:20"])
})

test("elsewhere than on a terminal there are plain lines, one every 5 seconds at most", () => {
  const { view, wait, take } = watched(false)
  view.report({ _tag: "started", resuming: true, ...at })
  expect(take()).toBe("[ 3/9]  target, going on where it was\n")
  for (let done = 1; done <= 100; done++) {
    wait(0.125)
    view.report({ _tag: "progress", done, total: 200, detail: "loss 1.2", ...at })
  }
  const lines = take().trim().split("\n")
  expect(lines.length).toBe(2)
  expect(lines[1]).toBe("[ 3/9]  target: 80/200 steps  8.00 steps/s  0:15 left  loss 1.2")
  expect(lines.join("")).not.toContain("\r")
})

test("on a terminal one line is redrawn, with a bar, the rate and the time left, within the width", () => {
  const { view, wait, take } = watched(true)
  view.report({ _tag: "started", resuming: false, ...at })
  view.report({ _tag: "progress", done: 0, total: 200, detail: "", ...at })
  wait(10)
  take()
  view.report({ _tag: "progress", done: 100, total: 200, detail: "x".repeat(200), ...at })
  const drawn = take()
  expect(
    drawn.startsWith("\r\u001b[2K[ 3/9]  target  ██████████░░░░░░░░░░  100/200 steps  10.0 steps/s  0:10 left"),
  ).toBe(true)
  expect(drawn).not.toContain("\n")
  expect(drawn.length).toBeLessThan(120 + 6)
  view.report({ _tag: "done", reused: false, seconds: 20, key: "", ...at })
  expect(take()).toBe("\r\u001b[2K[ 3/9]  target: done in 20 s\n")
})

test("stored stages share one line", () => {
  const { view, take } = watched(false)
  for (let i = 0; i < 4; i++) view.report({ _tag: "done", reused: true, seconds: 1, key: "", ...at })
  view.end()
  expect(take().trim()).toBe("4 stages were there already")
})

test("several stages at once have a line each, below what stays; one that ends or fails leaves its line", () => {
  const { view, wait, take } = watched(true)
  const other = { ...at, stage: "draft start", index: 4 }
  view.report({ _tag: "started", resuming: false, ...at })
  view.report({ _tag: "started", resuming: false, ...other })
  for (const [done, which] of [
    [0, at],
    [0, other],
    [100, at],
    [50, other],
  ] as const) {
    wait(1)
    view.report({ _tag: "progress", done, total: 200, detail: "", ...which })
  }
  /** The final text of a terminal, without erased lines. */
  const screen = (text: string) => {
    const lines = [""]
    for (const part of text
      .replaceAll("\u001b[2K", "<erase>")
      .replaceAll("\u001b[1A", "<up>")
      .split(/(<erase>|<up>|\r|\n)/)) {
      if (part === "<erase>") lines[lines.length - 1] = ""
      else if (part === "<up>") lines.pop()
      else if (part === "\n") lines.push("")
      else if (part !== "\r") lines[lines.length - 1] += part
    }
    return lines
  }
  let written = take()
  expect(screen(written).map((line) => line.replace(/ {2}.+ {2}/, " "))).toEqual([
    expect.stringMatching(/^\[ 3\/9\] .*0:02 left$/),
    expect.stringMatching(/^\[ 4\/9\] .*0:06 left$/),
  ])
  view.report({ _tag: "note", text: "a note" })
  view.report({ _tag: "failed", message: "loss is NaN", ...at })
  written += take()
  expect(screen(written)).toEqual([
    "a note",
    "[ 3/9]  target: failed, stages that depend on it are left out: loss is NaN",
    expect.stringMatching(/^\[ 4\/9\] {2}draft start {2}█████░/),
  ])
  view.report({ _tag: "done", reused: false, seconds: 8, key: "", ...other })
  view.end()
  expect(screen(written + take()).slice(2)).toEqual(["[ 4/9]  draft start: done in 8.0 s", ""])
})

test("plain lines of several stages do not wait for one another", () => {
  const { view, wait, take } = watched(false)
  const other = { ...at, stage: "draft start", index: 4 }
  view.report({ _tag: "started", resuming: false, ...at })
  view.report({ _tag: "started", resuming: false, ...other })
  take()
  wait(6)
  view.report({ _tag: "progress", done: 10, total: 200, detail: "", ...at })
  view.report({ _tag: "progress", done: 20, total: 200, detail: "", ...other })
  wait(1)
  view.report({ _tag: "progress", done: 30, total: 200, detail: "", ...other })
  expect(take().trim().split("\n")).toEqual(["[ 3/9]  target: 10/200 steps", "[ 4/9]  draft start: 20/200 steps"])
})
