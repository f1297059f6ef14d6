/** How each token of a text came about, and how it is shown. */
import type { SpeculativeCounts } from "@winnow/decoding"

/**
 * `accepted`: proposed, and the target agreed. `corrected`: the target's token in the place of a rejected one. `bonus`:
 * the target's token after a block that was accepted whole. `own`: of the target, with nothing proposed.
 */
export type TokenKind = "accepted" | "corrected" | "bonus" | "own"

/** The kinds in the order of a legend. */
export const tokenKinds: ReadonlyArray<TokenKind> = ["accepted", "corrected", "bonus", "own"]

/** The kinds of a block's tokens, by the counts before and after it: accepted ones, then at most one of the target's. */
export const kindsOfBlock = (
  before: Pick<SpeculativeCounts, "accepted" | "rejected" | "emitted" | "proposed">,
  after: Pick<SpeculativeCounts, "accepted" | "rejected" | "emitted" | "proposed">,
): ReadonlyArray<TokenKind> => {
  const accepted = after.accepted - before.accepted
  const last = after.rejected > before.rejected ? "corrected" : after.proposed > before.proposed ? "bonus" : "own"
  return Array.from({ length: after.emitted - before.emitted }, (_, i) => (i < accepted ? "accepted" : last))
}

/** Brackets around a piece of text where there is no colour; the blocks are seen by them, as each ends with one. */
const brackets: Readonly<Record<TokenKind, readonly [string, string]>> = {
  accepted: ["", ""],
  corrected: ["[", "]"],
  bonus: ["{", "}"],
  own: ["(", ")"],
}

/** Green; red and bold; cyan and underlined; dim: told apart by more than the colour. */
const codes: Readonly<Record<TokenKind, string>> = { accepted: "32", corrected: "1;31", bonus: "4;36", own: "2" }

/** A piece of text as its kind is shown: coloured, or in brackets. */
export const shownAs = (text: string, kind: TokenKind, colour: boolean): string => {
  if (colour) return `\u001b[${codes[kind]}m${text}\u001b[0m`
  const [before, after] = brackets[kind]
  return `${before}${text}${after}`
}

/** True for a stream that colours are for: a terminal without NO_COLOR, or any with FORCE_COLOR. */
export const wantsColour = (stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean =>
  (env["FORCE_COLOR"] ?? "") !== "" && env["FORCE_COLOR"] !== "0"
    ? true
    : stream.isTTY === true && (env["NO_COLOR"] ?? "") === ""
