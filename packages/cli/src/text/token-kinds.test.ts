/** Kinds of tokens by the counts of blocks, and how they are told apart. */
import { expect, test } from "bun:test"
import { kindsOfBlock, shownAs, tokenKinds, wantsColour } from "./token-kinds.ts"

const zero = { accepted: 0, rejected: 0, emitted: 0, proposed: 0 }

test("kinds of a block: accepted ones, then the correction, the bonus, or the target's own", () => {
  expect(kindsOfBlock(zero, { accepted: 2, rejected: 1, emitted: 3, proposed: 4 })).toEqual([
    "accepted",
    "accepted",
    "corrected",
  ])
  expect(kindsOfBlock(zero, { accepted: 2, rejected: 0, emitted: 3, proposed: 2 })).toEqual([
    "accepted",
    "accepted",
    "bonus",
  ])
  // the text ended inside the block
  expect(kindsOfBlock(zero, { accepted: 2, rejected: 0, emitted: 2, proposed: 4 })).toEqual(["accepted", "accepted"])
  expect(kindsOfBlock(zero, { ...zero, emitted: 1 })).toEqual(["own"])
})

test("without colour the target's tokens stand in brackets of their kind; with it each kind has a code of its own", () => {
  expect(tokenKinds.map((kind) => shownAs("x", kind, false))).toEqual(["x", "[x]", "{x}", "(x)"])
  const coloured = tokenKinds.map((kind) => shownAs("x", kind, true))
  expect(new Set(coloured).size).toBe(tokenKinds.length)
  for (const text of coloured) expect(Bun.stripANSI(text)).toBe("x")
})

test("colour is for terminals: NO_COLOR forbids it, FORCE_COLOR asks for it", () => {
  expect(wantsColour({ isTTY: true }, {})).toBe(true)
  expect(wantsColour({ isTTY: true }, { NO_COLOR: "1" })).toBe(false)
  expect(wantsColour({}, {})).toBe(false)
  expect(wantsColour({}, { FORCE_COLOR: "1" })).toBe(true)
})
