/** Text up to the first stop string, whatever the parts in which it comes. */
import { expect, test } from "bun:test"
import fc from "fast-check"
import { untilStop } from "./until-stop.ts"

const through = (parts: ReadonlyArray<string>, stops: ReadonlyArray<string>) => {
  const cut = untilStop(stops)
  const out = parts.map((part) => cut.push(part))
  return { out: [...out, cut.end()], done: cut.done }
}

test("text waits only where a stop string may have begun", () => {
  expect(through(["a", "b", "c"], ["xy"])).toEqual({ out: ["a", "b", "c", ""], done: false })
  expect(through(["a", "x", "x", "y", "z"], ["xy"])).toEqual({ out: ["a", "", "x", "", "", ""], done: true })
  expect(through(["ends in x"], ["xy"])).toEqual({ out: ["ends in ", "x"], done: false })
  expect(through(["a", "b"], [])).toEqual({ out: ["a", "b", ""], done: false })
})

test("letter by letter a text ends before the stop string that is whole first", () => {
  const text = fc.stringMatching(/^[ab]{0,12}$/)
  fc.assert(
    fc.property(text, fc.array(fc.stringMatching(/^[ab]{1,4}$/), { maxLength: 3 }), (text, stops) => {
      const { out, done } = through([...text], stops)
      const whole = Array.from(text, (_, i) => text.slice(0, i + 1)).find((part) => stops.some((s) => part.endsWith(s)))
      const cut =
        whole === undefined
          ? text.length
          : Math.min(...stops.filter((s) => whole.endsWith(s)).map((s) => whole.length - s.length))
      expect(out.join("")).toBe(text.slice(0, cut))
      expect(done).toBe(whole !== undefined)
    }),
  )
})
