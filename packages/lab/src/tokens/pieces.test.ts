import { expect, test } from "bun:test"
import { byteTokenizer } from "@winnow/data"
import { alone, inText, spoken } from "./browser/pieces.ts"
import { pieceOfBytes, piecesBy } from "./pieces.ts"

test("a byte-level token is its text if its bytes are whole characters, else its bytes in hex", () => {
  const pieceOf = piecesBy(byteTokenizer.json)
  expect([0x61, 0x20, 0x0a, 0xc3].map(pieceOf)).toEqual(["a", " ", "\n", { hex: "c3" }])
  expect(pieceOf(256)).toBe("<|endoftext|>")
  expect(pieceOf(999)).toBe("<id 999>")
  expect(pieceOfBytes(Uint8Array.of(0xe2, 0x82, 0xac))).toBe("€")
  expect(pieceOfBytes(Uint8Array.of(0xed, 0xa0, 0x80))).toEqual({ hex: "eda080" }) // a surrogate is no character
  expect(pieceOfBytes(Uint8Array.of(0xef, 0xbb, 0xbf))).toBe("\ufeff")
})

test("tokens of SentencePiece keep the space before a word, and bytes that stand alone are hex", () => {
  const pieceOf = piecesBy({
    model: { type: "BPE", vocab: { "<0xE2>": 0, "<0x41>": 1, "\u2581the": 2, "</s>": 3 } },
    decoder: { type: "Sequence", decoders: [{ type: "Replace" }, { type: "ByteFallback" }] },
    added_tokens: [{ id: 3, content: "</s>" }],
  })
  expect([0, 1, 2, 3].map(pieceOf)).toEqual([{ hex: "e2" }, "A", " the", "</s>"])
})

test("signs without a form are shown and spoken", () => {
  expect(inText("a\r\nb\n\tc\u0000\u202e\u00ad")).toBe("a⏎\nb⏎\n⇥c⟨0000⟩⟨202E⟩⟨00AD⟩")
  expect([" the", "\n", "", { hex: "e282" }].map(alone)).toEqual(["·the", "⏎", "∅", "⟨e282⟩"])
  expect([" ", "   ", "\n", "", { hex: "e282" }, " the"].map(spoken)).toEqual([
    "space",
    "3 spaces",
    "line break",
    "empty token",
    "bytes e2 82",
    "the",
  ])
})
