/** Formats an evaluation for people: tables of figures with their intervals, and the caption with the conditions. */
import type { OverPrompts } from "@winnow/decoding"
import { isBusy } from "@winnow/engine"
import { align, short } from "@winnow/lab"
import type { EvaluationRecord } from "./evaluate-record.ts"

type Result = EvaluationRecord["results"][number]
type Ends = { readonly low: number | null; readonly high: number | null }

/** A value with its interval, as "83.4 [82.1, 84.6]". */
const within = (value: number, { low, high }: Ends, digits: number, scale = 1): string => {
  const text = (x: number) => (scale * x).toFixed(digits)
  return low === null || high === null ? text(value) : `${text(value)} [${text(low)}, ${text(high)}]`
}

const figure = (of: OverPrompts | null, digits: number, scale = 1): string =>
  of === null ? "-" : within(of.pooled, of, digits, scale)

/** "5", or "3 to 5". */
const span = (values: ReadonlyArray<number>): string => {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  return low === high ? `${low}` : `${low} to ${high}`
}

const acceptances = ({ conditions, results }: EvaluationRecord): string => {
  const sampled = conditions.decoding === "sampled"
  const head = ["gamma", "greedy %", ...(sampled ? ["sampled %"] : []), "tau", "MBSU", "speed-up", "tested", "blocks"]
  const row = ({ draftLength, overPrompts: o, speedup, timing, counts }: Result) => [
    String(draftLength),
    figure(o.greedyAcceptance, 1, 100),
    ...(sampled ? [figure(o.sampledAcceptance, 1, 100)] : []),
    figure(o.blockEfficiency, 2),
    figure(o.mbsu, 2),
    speedup === null ? "-" : within(speedup, timing!.interval, 2),
    String(counts.tested),
    String(counts.blocks),
  ]
  return align([head, ...results.map(row)], new Set())
}

/** Acceptance at each place of a block, if blocks have places. */
const places = (results: ReadonlyArray<Result>): ReadonlyArray<string> => {
  const most = Math.max(...results.map(({ draftLength }) => draftLength))
  if (most === 0) return []
  const head = ["gamma", ...Array.from({ length: most }, (_, i) => String(i + 1))]
  const rows = results
    .filter(({ draftLength }) => draftLength > 0)
    .map(({ draftLength, decoded }) => [
      String(draftLength),
      ...Array.from({ length: most }, (_, i) => {
        const acceptance = decoded.byPosition[i]?.acceptance
        return acceptance == null ? "" : (100 * acceptance).toFixed(1)
      }),
    ])
  return ["", "Acceptance by place in a block, % of the tokens tested there:", align([head, ...rows], new Set())]
}

const microseconds = (seconds: number): string => (1e6 * seconds).toFixed(0)

/** The parts of the time, and the formula's prediction from them. */
const times = (results: ReadonlyArray<Result>): ReadonlyArray<string> => {
  const rows = results.flatMap(({ draftLength, timing: t }) => {
    if (t === null) return []
    const { draft, target, verify } = t.seconds
    const calls = [draft, target, verify, t.secondsPerToken.alone, t.secondsPerToken.withDraft].map(microseconds)
    const n = t.proposedPerCall.toFixed(2)
    const ratios = [t.predicted, t.predictedFromVerify, t.ofTotals, t.speedup].map((x) => x.toFixed(2))
    return [[String(draftLength), ...calls, n, t.blockEfficiency.toFixed(2), ...ratios]]
  })
  if (rows.length === 0) return []
  const head = ["gamma", "T draft", "T target", "T verify", "alone", "with draft", "proposed", "tau"]
  const ratios = ["predicted", "by T verify", "of totals", "measured"]
  return [
    "",
    "Time: us of a proposed token, of a target call on a token, of one on a block; us of a token of text (prompt included); tokens proposed a call;",
    "speed-ups: predicted T_target / T with T = (proposed T_draft + T_target) / tau, the same with T_verify, of total times, measured (median):",
    align([[...head, ...ratios], ...rows], new Set()),
  ]
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
    ? ` Busy: load ${load} on ${machine.cores} cores before it began; take speed-ups at rest.`
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
      : `, KL of the draft ${figure(draftKl, 3)} nats${cuts.length === 0 ? "" : " (before top-k and top-p)"}`
  const tested = span(results.map(({ counts }) => counts.tested))
  const greedyFrom =
    c.decoding === "greedy"
      ? []
      : [`Greedy acceptance: of the target's greedy texts, ${greedyTexts.tokens} tokens, without decoding.`]
  return [
    acceptances(record),
    ...places(results),
    ...times(results),
    "",
    `${c.decoding === "greedy" ? "Greedy" : "Sampled"} decoding, ${temperature(c.temperature)}, gamma = ${gammas}, ${c.dataset}, ${c.promptCount} prompts, at most ${c.maxNew} new tokens, ${tested} tested tokens.`,
    ...greedyFrom,
    `Expected acceptance ${figure(record.expectedAcceptance, 1, 100)} %${klText}: on the target's own samples, ${temperature(sampledTexts.temperature)}, ${sampledTexts.tokens} tokens.`,
    ...identityLine(results),
    timingLine(record),
    "Intervals: 95 % for new prompts, by Student's t; nothing is said of other seeds or trainings.",
    `Target: ${short(target.parameters)} parameters, ${target.reference ?? target.folder}. ${proposerLine(record)}`,
    ...notes.map((note) => `Note: ${note}`),
  ].join("\n")
}
