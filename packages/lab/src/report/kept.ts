/** The tokens that a filter kept, as text: kinds of tokens, and examples with the kept tokens marked. */
import type { TrainedRun } from "./charts/training.ts"
import { escapeHtml } from "./escape-html.ts"

/** A "kept" line of metrics.jsonl. */
export interface KeptLine {
  readonly _tag?: string
  readonly arm?: string
  readonly seed?: number
  readonly step?: number
  readonly sequences?: ReadonlyArray<{
    readonly tokens: ReadonlyArray<string>
    readonly weights: ReadonlyArray<number>
  }>
}

/** A token with visible white space. */
const shown = (token: string): string => token.replaceAll("\n", "⏎").replaceAll("\t", "⇥").replace(/^ /, "·")

/** The rate at which the filter kept each token in the shown sequences, for tokens seen at least `least` times. */
export const keepRates = (
  lines: ReadonlyArray<KeptLine>,
  least = 5,
): ReadonlyArray<{ readonly token: string; readonly seen: number; readonly rate: number }> => {
  const counts = new Map<string, { seen: number; kept: number }>()
  for (const { sequences = [] } of lines)
    for (const { tokens, weights } of sequences)
      for (const [i, token] of tokens.entries()) {
        const count = counts.get(token) ?? { seen: 0, kept: 0 }
        count.seen++
        if (weights[i]! > 0) count.kept++
        counts.set(token, count)
      }
  return [...counts]
    .filter(([, { seen }]) => seen >= least)
    .map(([token, { seen, kept }]) => ({ token, seen, rate: kept / seen }))
    .toSorted((a, b) => b.rate - a.rate || b.seen - a.seen)
}

const chips = (rates: ReturnType<typeof keepRates>): string =>
  rates
    .map(
      ({ token, rate, seen }) =>
        `<span class="chip" title="kept ${Math.round(rate * seen)} of ${seen}"><code>${escapeHtml(shown(token))}</code> ${Math.round(100 * rate)}</span>`,
    )
    .join(" ")

const marked = (tokens: ReadonlyArray<string>, weights: ReadonlyArray<number>): string =>
  tokens
    .map((token, i) => {
      const text = escapeHtml(token.replaceAll("\n", "⏎\n"))
      return weights[i]! > 0 ? `<mark>${text}</mark>` : text
    })
    .join("")

/** Tokens kept of all tokens shown, in per cent. */
const baseRate = (lines: ReadonlyArray<KeptLine>): number => {
  const weights = lines.flatMap(({ sequences = [] }) => sequences.flatMap((sequence) => sequence.weights))
  return Math.round((100 * weights.filter((w) => w > 0).length) / weights.length)
}

const blockOf = (name: string, lines: ReadonlyArray<KeptLine>): string => {
  const rates = keepRates(lines)
  const [most, least] = [rates.slice(0, 12), rates.slice(-12).toReversed()]
  const [first, last] = [lines[0]!, lines.at(-1)!]
  const examples = (first === last ? [last] : [first, last]).map(({ step, sequences }) => {
    const { tokens, weights } = sequences![0]!
    const kept = weights.filter((w) => w > 0).length
    return `<figure class="text"><figcaption>step ${step}, ${kept} of ${tokens.length} tokens kept</figcaption><p>${marked(tokens, weights)}</p></figure>`
  })
  const table = rates.length
    ? `<p class="rates"><b>most kept</b> ${chips(most)}</p><p class="rates"><b>least kept</b> ${chips(least)}</p>`
    : ""
  return `<div class="kept"><h3>${escapeHtml(name)}, ${baseRate(lines)} % of all</h3>${table}<div class="pair">${examples.join("")}</div></div>`
}

/**
 * A block for each arm whose filter drops tokens: first seed, first and last shown step. Empty without such an arm.
 *
 * @param about the arm that the run is about, which stands first; the others are folded
 */
export const keptSamples = (run: TrainedRun, metrics: ReadonlyArray<KeptLine>, about: string | null): string => {
  const blocks = run.rows.flatMap(({ name, role }) => {
    const lines = metrics.filter((l) => l._tag === "kept" && l.arm === name && l.seed === run.seeds[0])
    const drops = lines.some(({ sequences = [] }) => sequences.some(({ weights }) => weights.some((w) => w === 0)))
    return role !== "arm" || !drops ? [] : [{ name, block: blockOf(name, lines) }]
  })
  if (blocks.length === 0) return ""
  const first = blocks.find(({ name }) => name === about) ?? blocks[0]!
  const others = blocks.filter((one) => one !== first)
  const rest =
    others.length === 0
      ? ""
      : `<details><summary>The other arms that drop tokens: ${others.map(({ name }) => escapeHtml(name)).join(", ")}</summary>${others.map(({ block }) => block).join("\n")}</details>`
  return `<p class="note">Seed ${run.seeds[0]}. Numbers are per cent of the times that a token was kept where it stood in a shown sequence (three sequences at each of several steps; tokens seen five times or more): read them beside the per cent of all tokens. Kept tokens are marked; prompts are not trained and not shown.</p>
${first.block}
${rest}`
}
