import { expect, test } from "bun:test"
import fc from "fast-check"
import { pieces } from "./pieces.ts"

const sizes = { characters: 60, prompt: 20 }

test("pieces end behind a paragraph, a line or a word, and so do prompts", () => {
  const text = "One two three four five six seven.\n\nEight nine ten eleven twelve. Thirteen fourteen fifteen sixteen."
  const found = pieces(text, sizes)
  expect(found.map(({ prompt, answer }) => prompt + answer).join("")).toBe(text)
  expect(found[0]).toEqual({ prompt: "One two three ", answer: "four five six seven.\n\n" })
})

test("pieces are the text, bounded, with halves that hold letters", () => {
  const units = fc.constantFrom("a", "word", " ", "\n", "\n\n", "\u{1f600}", "\u00e9", "x".repeat(70))
  fc.assert(
    fc.property(fc.array(units, { maxLength: 60 }), (parts) => {
      const text = parts.join("")
      let at = 0
      for (const { prompt, answer } of pieces(text, sizes)) {
        expect((prompt + answer).length).toBeLessThanOrEqual(sizes.characters)
        expect(prompt.length).toBeLessThanOrEqual(sizes.prompt)
        expect((prompt + answer).isWellFormed()).toBe(true)
        expect(prompt.trim() === "" || answer.trim() === "").toBe(false)
        const found = text.indexOf(prompt + answer, at)
        expect(found).toBeGreaterThanOrEqual(at)
        at = found + (prompt + answer).length
      }
    }),
  )
})

test("a short text is one piece, blanks are none", () => {
  expect(pieces("Yes. No.", sizes)).toEqual([{ prompt: "Yes.", answer: " No." }])
  expect(pieces(" \n\n ", sizes)).toEqual([])
  expect(pieces("", sizes)).toEqual([])
})
