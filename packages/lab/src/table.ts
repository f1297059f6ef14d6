/** The table that a run prints: aligned columns, and a caption without which no figure in it means anything. */
import type { Budget, RowRecord, RunRecord } from "./record/schema.ts"
import { intervalText, is95 } from "./statistics.ts"

const percent = (x: number | null, digits = 1): string => (x === null ? "-" : `${(100 * x).toFixed(digits)}`)
const fixed = (x: number | null, digits: number): string => (x === null ? "-" : x.toFixed(digits))

/** 1234567 as "1.23M". */
export const short = (n: number): string => {
  const [scale, letter] =
    n >= 1e12 ? [1e12, "T"] : n >= 1e9 ? [1e9, "G"] : n >= 1e6 ? [1e6, "M"] : n >= 1e3 ? [1e3, "k"] : [1, ""]
  return `${(n / scale).toPrecision(n >= 1000 ? 3 : Math.max(1, String(Math.round(n)).length))}${letter}`
}

/** A plugin with those options that tell it from its siblings: k and order. */
const plugin = (use: RowRecord["filter"]): string => {
  if (use === null) return "-"
  const { k, order } = use.options as { k?: number; order?: string }
  const parts = [...(typeof k === "number" ? [`k=${k}`] : []), ...(order === "bottom" ? ["bottom"] : [])]
  return parts.length === 0 ? use.name : `${use.name} ${parts.join(" ")}`
}

const meanBudget = (row: RowRecord, of: (b: Budget) => number): number =>
  row.budget.reduce((sum, { arm }) => sum + of(arm), 0) / row.budget.length

/** "±" the larger side of an interval, in percentage points. */
const plusMinus = ({ value, low, high }: RowRecord["greedyAcceptance"]): string =>
  value === null || low === null || high === null ? "" : ` ± ${percent(Math.max(high - value, value - low))}`

const columns: ReadonlyArray<{
  readonly head: (run: RunRecord) => string
  readonly cell: (row: RowRecord, run: RunRecord) => string
  readonly left?: true
}> = [
  { head: () => "arm", cell: (r) => (r.role === "arm" ? r.name : `(${r.name})`), left: true },
  { head: () => "filter", cell: (r) => plugin(r.filter), left: true },
  { head: () => "loss", cell: (r) => plugin(r.loss), left: true },
  {
    head: ({ seeds }) => `greedy % (seed ${seeds.join(", ")})`,
    cell: (r) => r.seeds.map((s) => percent(s.greedyAcceptance)).join("  "),
  },
  {
    head: ({ seeds }) => (is95(seeds.length) ? "mean ± 95%" : "mean, interval"),
    cell: (r) => `${percent(r.greedyAcceptance.value)}${plusMinus(r.greedyAcceptance)}`,
  },
  { head: () => "expected %", cell: (r) => percent(r.expectedAcceptance.value) },
  { head: ({ conditions }) => `tau (g=${conditions.gamma})`, cell: (r) => fixed(r.tau.value, 2) },
  { head: () => "MBSU", cell: (r) => fixed(r.mbsu, 2) },
  { head: () => "speed-up", cell: (r) => fixed(r.speedup, 2) },
  {
    head: () => "trained/seen",
    cell: (r) => `${short(meanBudget(r, (b) => b.tokensTrained))}/${short(meanBudget(r, (b) => b.tokensSeen))}`,
  },
  {
    head: () => "seconds",
    cell: (r) =>
      fixed(
        meanBudget(r, (b) => b.seconds),
        1,
      ),
  },
]

/** Rows of cells as aligned text, two spaces between columns; the first row is the head. */
export const align = (rows: ReadonlyArray<ReadonlyArray<string>>, left: ReadonlySet<number>): string => {
  const width = (column: number) => Math.max(...rows.map((row) => Bun.stringWidth(row[column] ?? "")))
  const widths = (rows[0] ?? []).map((_, i) => width(i))
  const pad = (text: string, i: number) => {
    const space = " ".repeat(widths[i]! - Bun.stringWidth(text))
    return left.has(i) ? text + space : space + text
  }
  const line = (row: ReadonlyArray<string>) => row.map(pad).join("  ").trimEnd()
  const rule = widths.map((w) => "─".repeat(w)).join("  ")
  const [head, ...body] = rows
  return [line(head ?? []), rule, ...body.map(line)].join("\n")
}

/** The rows of the table as text cells, the head first: for the terminal and for the report. */
export const tableCells = (run: RunRecord): ReadonlyArray<ReadonlyArray<string>> => [
  columns.map(({ head }) => head(run)),
  ...run.rows.map((row) => columns.map(({ cell }) => cell(row, run))),
]

/** Which columns are text. */
export const leftColumns: ReadonlySet<number> = new Set(columns.flatMap(({ left }, i) => (left ? [i] : [])))

const temperature = ({ conditions: { temperature: t, topK, topP } }: RunRecord): string =>
  [`temperature ${t}`, ...(topK === null ? [] : [`top-k ${topK}`]), ...(topP === null ? [] : [`top-p ${topP}`])].join(
    ", ",
  )

/** Whether the arms spent the same steps: a table that mixes budgets says so. */
const budgetLine = (run: RunRecord): string => {
  const arms = run.rows.filter(({ role }) => role === "arm")
  const same = (of: (b: Budget) => number) => new Set(arms.map((r) => Math.round(meanBudget(r, of)))).size === 1
  const steps = arms[0]?.budget[0]?.arm.steps ?? 0
  if (same((b) => b.steps) && same((b) => b.tokensSeen))
    return `Budget: the same ${steps} optimizer steps on the same tokens for every arm; tokens trained and seconds differ. References cost extra.`
  return "Budget: the arms differ in steps or in tokens seen, so rows are not to be compared at face value. References cost extra."
}

/** What was timed: how many prompts and rounds, and whether all texts came out as the target's own. */
const timingLine = (run: RunRecord): string => {
  const timings = run.rows.flatMap(({ seeds }) => seeds.flatMap(({ timing }) => timing ?? []))
  if (timings.length === 0) return "Speed-up: not timed, no text of the target is longer than a block."
  const { gamma } = run.conditions
  const prompts = Math.max(...timings.map((t) => t.prompts))
  const rounds = timings[0]!.speedupByRound?.length
  const of = rounds === undefined ? "" : `, median of ${rounds} rounds after an untimed one`
  const odd = Math.max(...timings.map((t) => (t.identical === null ? 0 : t.prompts - t.identical)))
  const differs =
    odd === 0 ? "" : ` With the draft, the text of up to ${odd} of them was not the target's own: see run.json.`
  return `Speed-up: wall time, greedy, gamma = ${gamma}, ${prompts} prompts${of}, batch 1, this machine.${differs}`
}

/** Examples that nothing was trained or measured on; none of it where none were left out, or a record is older. */
const droppedLine = ({ conditions: { dropped, dataset } }: RunRecord): ReadonlyArray<string> => {
  if (dropped === undefined || (dropped.train === 0 && dropped.measured === 0)) return []
  return [
    `Left out, as longer than maxLength: ${dropped.train} examples to train on, ${dropped.measured} of ${dataset}.`,
  ]
}

/** What the figures are of. */
export const caption = (run: RunRecord): ReadonlyArray<string> => {
  const { conditions: c, target } = run
  const tested = run.rows.flatMap(({ seeds }) =>
    seeds.map(({ byGamma }) => Math.round(byGamma.find(({ gamma }) => gamma === c.gamma)!.testedTokens)),
  )
  const range =
    Math.min(...tested) === Math.max(...tested) ? `${tested[0]}` : `${Math.min(...tested)} to ${Math.max(...tested)}`
  const score = target.score === null ? "" : `, right on ${percent(target.score)} % of the prompts`
  return [
    `Greedy acceptance, tau, MBSU: greedy decoding, gamma = ${c.gamma}, ${c.dataset}, ${c.prompts} prompts, ${range} tested tokens a draft.`,
    `Expected acceptance: sum of min(p, q) on the target's own samples, ${temperature(run)}, ${c.sampledTokens} tokens.`,
    timingLine(run),
    `Intervals: ${intervalText(run.seeds.length)}.`,
    budgetLine(run),
    ...droppedLine(run),
    `Target: ${short(target.parameters)} parameters${score}. Draft: ${short(run.draftParameters)} parameters.`,
  ]
}

/** Differences to the baseline and the cost of references, one line each. */
const notes = (run: RunRecord): ReadonlyArray<string> => {
  const lines = run.rows.flatMap((row) => {
    const d = row.differenceFromBaseline
    if (d === null || d.value === null) return []
    const sign = (x: number | null) => (x === null ? "-" : `${x >= 0 ? "+" : ""}${(100 * x).toFixed(1)}`)
    const range = d.low === null ? "" : ` [${sign(d.low)}, ${sign(d.high)}]`
    const cost = row.budget[0]?.reference
    const reference = cost ? `; its reference took ${short(cost.tokensSeen)} tokens, ${cost.seconds.toFixed(1)} s` : ""
    return [`  ${row.name}: ${sign(d.value)} points${range}${reference}`]
  })
  return lines.length === 0
    ? []
    : ["", `Greedy acceptance against ${run.baseline}, paired by seed and prompt:`, ...lines]
}

/** The whole of what a run prints. */
export const renderTable = (run: RunRecord): string =>
  [align(tableCells(run), leftColumns), "", ...caption(run), ...notes(run)].join("\n")
