import { expect, test } from "bun:test"
import { columnsIn, filled } from "./template.ts"

const row = { q: "Who?", "a.b": "dotted", turns: ["first", { text: "second" }], n: 7, big: 12n, yes: true, none: null }

test("a name is that column's text, braces are filled in", () => {
  expect(filled("q", row)).toEqual({ text: "Who?" })
  expect(filled("Q: {q}\nA:\n", row)).toEqual({ text: "Q: Who?\nA:\n" })
  expect(filled("{n} {big} {yes}", row)).toEqual({ text: "7 12 true" })
  expect(filled("{a.b}, {turns.0}, {turns.1.text}", row)).toEqual({ text: "dotted, first, second" })
  expect(filled("turns.1.text", row)).toEqual({ text: "second" })
  expect(filled("{{{q}}} {{}}", row)).toEqual({ text: "{Who?} {}" })
  // a text of the data is no template
  expect(filled("{q}", { q: "{n} {{" })).toEqual({ text: "{n} {{" })
})

test("a column that is missing or no text gives an error with the existing ones", () => {
  expect(filled("question", { questions: "x" })).toEqual({
    problem: "has no column question; did you mean questions?",
  })
  expect(filled("{answer}", { x: 1, y: 2 })).toEqual({ problem: "has no column answer; it has x, y" })
  expect(filled("toString", {})).toEqual({ problem: "has no column toString; it has none" })
  expect(filled("n", row)).toEqual({ problem: 'n is the number 7; expected a text; "{n}" writes it as one' })
  expect(filled("none", row)).toEqual({ problem: "none is null; expected a text" })
  expect(filled("{turns}", row)).toHaveProperty("problem")
})

test("the columns that a template reads", () => {
  expect(columnsIn("question")).toEqual(["question"])
  expect(columnsIn("Q: {q} {a.0}\n{{no}}")).toEqual(["q", "a.0"])
  expect(columnsIn("{{no}}")).toEqual([])
})
