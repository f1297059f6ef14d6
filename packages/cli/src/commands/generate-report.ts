/** The lines below a text: how fast it was, how much of the draft was accepted, and whether the draft is worth it here. */
import { wrap } from "@winnow/lab/outside"
import { plural } from "../sized.ts"
import { shownAs, type TokenKind, tokenKinds } from "../text/token-kinds.ts"
import type { Comparison } from "./generate-compare.ts"
import type { Generated } from "./generate-run.ts"

const rate = (x: number): string => (x >= 100 ? x.toFixed(0) : x.toPrecision(3))

/** A kind in a legend. */
const named: Readonly<Record<TokenKind, string>> = {
  accepted: "accepted",
  corrected: "corrected by the target",
  bonus: "the target's, after a block accepted whole",
  own: "the target's, nothing proposed",
}

/** The kinds that a text has, as it shows them, with how many tokens are of each. */
export const legend = ({ tokens }: Pick<Generated, "tokens">, colour: boolean): ReadonlyArray<string> =>
  tokenKinds.flatMap((of) => {
    const count = tokens.filter(({ kind }) => kind === of).length
    return count === 0 ? [] : [`  ${shownAs(named[of], of, colour)}: ${count}`]
  })

/** Ratios so near to 1 that a clock cannot tell them apart here. */
const EVEN = 0.03

const capital = (text: string): string => text[0]!.toUpperCase() + text.slice(1)

/** True of a speed-up that no draft has: a call with one takes at least as long as a call without, and gives tau tokens. */
const isDisturbed = ({ speedup, tau }: Comparison): boolean => speedup > tau + EVEN

const verdict = (of: Comparison, by: string): string => {
  const { speedup, tokens, rounds, same, tau } = of
  const judged =
    Math.abs(speedup - 1) <= EVEN
      ? "makes no difference here"
      : isDisturbed(of)
        ? "cannot be judged here"
        : speedup > 1
          ? "is worth it here"
          : "is not worth it here"
  const timed = `${rounds === 1 ? "one round" : `median of ${rounds} rounds`} of ${tokens} tokens, prompt included`
  const text =
    same === null
      ? ""
      : same
        ? " Both wrote the same text."
        : " The target alone wrote ANOTHER text: two of its choices lie within rounding."
  const disturbed = isDisturbed(of)
    ? ` That is more than its ${tau.toFixed(2)} tokens a target call can give: other programs slowed the target's turn. Measure again on an idle machine.`
    : ""
  return `${capital(by)} ${judged}: ${speedup.toFixed(2)} times the speed of the target alone (${timed}).${disturbed}${text}`
}

/** The reason for a draft that does not pay, and the draft length that would. */
const reasons = (
  { cost: { proposing, verifying }, tau, proposed, best, speedup }: Comparison,
  by: string,
  draftLength: Generated["draftLength"],
): ReadonlyArray<string> => {
  if (speedup > 1 + EVEN) return []
  const why =
    `A call of the target now costs ${(proposing + verifying).toFixed(2)} calls of the target alone, ${proposing.toFixed(2)} for proposing ` +
    `${proposed.toFixed(1)} tokens and ${verifying.toFixed(2)} for checking them, and gives ${tau.toFixed(2)} tokens.`
  if (best === null || best.draftLength === draftLength) return [why]
  return [
    why,
    best.speedup <= 1 + EVEN
      ? `At these costs and this acceptance no draft length pays: ${by} would have to be faster, or better.`
      : `At these costs and this acceptance --draft-length ${best.draftLength} would do best: about ${best.speedup.toFixed(2)} times the speed.`,
  ]
}

/**
 * The report, without a newline at its end.
 *
 * @param columns of the terminal
 */
export const generationReport = (generated: Generated, columns: number): string => {
  const { tokens, promptTokens, tokensPerSecond, seconds, finish, counts, acceptance, tau, draftLength } = generated
  const { proposer, tree, comparison, compared, notes } = generated
  const ends = { eos: "its end token", stop: "its end token", length: "the limit of its length" }[finish]
  const speed = tokensPerSecond === null ? "too short to tell its speed" : `${rate(tokensPerSecond)} tokens/s`
  const lines = [
    `${plural(tokens.length, "token")} up to ${ends}: ${speed} after the first call, which reads ${plural(promptTokens, "token")} in ${(1000 * seconds.firstBlock).toFixed(0)} ms.`,
  ]
  if (proposer !== null) {
    const by = proposer === "model" || proposer === "tree" ? "the draft" : proposer
    const shape = tree === null ? "" : `, tree ${tree} (${(counts.proposed / counts.calls).toFixed(1)} tokens a call)`
    const share = acceptance === null ? "nothing was tested" : `${(100 * acceptance).toFixed(1)} % accepted`
    const decoded = generated.temperature === 0 ? "greedy" : `temperature ${generated.temperature}`
    lines.push(
      `${share} (${counts.accepted} of ${counts.tested} tested), tau ${tau.toFixed(2)} tokens a target call (${plural(counts.calls, "call")}), gamma ${draftLength}${shape}, ${decoded}.`,
    )
    if (comparison !== null) lines.push(verdict(comparison, by), ...reasons(comparison, by, draftLength))
    else if (compared) lines.push(`The text is too short to time it against the target alone.`)
  }
  return [...lines, ...notes.map((note) => `note: ${note}`)].map((line) => wrap(line, columns, "")).join("\n")
}
