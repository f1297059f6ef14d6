/** Formats an evaluation for people, in 80 columns: its tables, and the caption with the conditions. */
import type { OverPrompts } from "@winnow/decoding"
import { isBusy } from "@winnow/engine"
import { column, type FigureStyle, short, tableText, wrap, writeCell } from "@winnow/lab/outside"
import type { EvaluationRecord } from "./evaluate-record.ts"
import { evaluationTables, figureOf } from "./evaluate-tables.ts"

type Result = EvaluationRecord["results"][number]

/** Columns of a terminal. */
const width = 80
/** "83.4 ± 1.2". */
const figure = (of: OverPrompts | null, style: FigureStyle): string =>
  writeCell(figureOf(of), column("figure", "", { style }))

/** "5", or "3 to 5". */
const span = (values: ReadonlyArray<number>): string => {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  return low === high ? `${low}` : `${low} to ${high}`
}

const identityLine = (results: ReadonlyArray<Result>): ReadonlyArray<string> => {
  const checks = results.flatMap(({ draftLength, identity }) => (identity === null ? [] : [{ draftLength, identity }]))
  if (checks.length === 0) return []
  const odd = checks.filter(({ identity }) => identity.identical < identity.prompts)
  const smallest = Math.min(...checks.map(({ identity }) => identity.smallestMargin))
  const counts = odd.map(({ draftLength, identity: i }) => `gamma ${draftLength} ${i.identical} of ${i.prompts}`)
  const same = odd.length === 0 ? "all, at every gamma" : `${counts.join(", ")}; the others all`
  return [`Texts that are the target's own: ${same}. Smallest margin of a choice: ${smallest.toPrecision(2)}.`]
}

/** The timing, with a warning if the machine was busy. */
const timingLine = ({ results, conditions: c, machine, load }: EvaluationRecord): string => {
  const timed = results.flatMap(({ timing }) => (timing === null ? [] : [timing.prompts]))
  if (c.rounds === 0) return "Speed-up: not timed (--rounds 0)."
  if (timed.length === 0) return "Speed-up: not timed, no text is longer than a block."
  const busy = isBusy(load, machine.cores)
    ? ` Busy: load ${load} on ${machine.cores} cores before it began; measure speed-ups on an idle machine.`
    : ""
  return `Speed-up: wall time, ${c.decoding}, ${span(timed)} prompts, ${c.rounds === 1 ? "1 round" : `median of ${c.rounds} rounds`} after an untimed one, batch 1, ${machine.cpu}.${busy}`
}

/** The proposer with its model or options. */
const proposerLine = ({ proposer, draft }: EvaluationRecord): string => {
  if (draft !== null) return `Draft: ${short(draft.parameters)} parameters, ${draft.reference ?? draft.folder}.`
  const options = Object.entries(proposer.options)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => ` ${key} ${JSON.stringify(value)}`)
  const size = proposer.parameters === 0 ? "no parameters" : `${short(proposer.parameters)} parameters`
  return `Proposer: ${proposer.name}${options.length === 0 ? "" : ` with${options.join(",")}`}, ${size}.`
}

/** The report, without a newline at its end. */
export const evaluationReport = (record: EvaluationRecord): string => {
  const { conditions: c, target, draftKl, results, sampledTexts, greedyTexts, notes } = record
  const cuts = [
    ...(c.topK === undefined ? [] : [`top-k ${c.topK}`]),
    ...(c.topP === undefined ? [] : [`top-p ${c.topP}`]),
  ]
  const temperature = (t: number) => [`temperature ${t}`, ...(t === 0 ? [] : cuts)].join(", ")
  const gammas = results.map(({ draftLength }) => draftLength).join(", ")
  const klText =
    draftKl === null
      ? ""
      : `, KL of the draft ${figure(draftKl, "nats")} nats${cuts.length === 0 ? "" : " (before top-k and top-p)"}`
  const tested = span(results.map(({ counts }) => counts.tested))
  const greedyFrom =
    c.decoding === "greedy"
      ? []
      : [`Greedy acceptance: of the target's greedy texts, ${greedyTexts.tokens} tokens, without decoding.`]
  const tables = evaluationTables(record).map((table) =>
    [...(table.title === "" ? [] : [wrap(table.title, width)]), tableText(table)].join("\n"),
  )
  const lines = [
    `${c.decoding === "greedy" ? "Greedy" : "Sampled"} decoding, ${temperature(c.temperature)}, gamma = ${gammas}, ${c.dataset}, ${c.promptCount} prompts, at most ${c.maxNew} new tokens, ${tested} tested tokens.`,
    ...greedyFrom,
    `Expected acceptance ${figure(record.expectedAcceptance, "percent")} %${klText}: on the target's own samples, ${temperature(sampledTexts.temperature)}, ${sampledTexts.tokens} tokens.`,
    ...identityLine(results),
    timingLine(record),
    "± is half of a 95 % interval for new prompts, by Student's t, the larger side where it is cut at a bound, ? without an interval; other seeds and trainings are not covered.",
    `Target: ${short(target.parameters)} parameters, ${target.reference ?? target.folder}. ${proposerLine(record)}`,
    ...notes.map((note) => `Note: ${note}`),
  ]
  return [...tables, lines.map((line) => wrap(line, width)).join("\n")].join("\n\n")
}
