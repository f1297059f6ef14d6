/** The lines below a run's tables: the source of the figures, without which the figures have no meaning. */
import { isBusy } from "@winnow/engine"
import { armsOf, meanTotal, withStarts } from "../record/comparisons.ts"
import type { RunRecord, TrainedRow } from "../record/schema.ts"
import { wilson } from "../statistics/wilson.ts"
import { percent, short, written } from "./format.ts"

const temperature = ({ conditions: { temperature: t, topK, topP } }: RunRecord): string =>
  [`temperature ${t}`, ...(topK === null ? [] : [`top-k ${topK}`]), ...(topP === null ? [] : [`top-p ${topP}`])].join(
    ", ",
  )

const from = (least: number | string, most: number | string): string =>
  least === most ? `${least}` : `${least} to ${most}`

/** The timing: how many prompts and rounds, and the number of texts that equal the target's own. */
const timingLine = (run: RunRecord): string => {
  const timings = run.rows.flatMap(({ seeds }) => seeds.flatMap(({ timing }) => timing ?? []))
  if (timings.length === 0) return "Speed-up: not timed, no text of the target is longer than a block."
  const { gamma } = run.conditions
  const load = Math.max(...timings.map((t) => t.load))
  const busy = isBusy(load, run.machine.cores)
    ? ` Busy: load up to ${load.toFixed(1)} on ${run.machine.cores} cores in the minute before, this run's own work included; measure speed-ups on an idle machine.`
    : ""
  const prompts = Math.max(...timings.map((t) => t.prompts))
  const rounds = timings[0]!.speedupByRound.length
  const odd = Math.max(...timings.map((t) => (t.identical === null ? 0 : t.prompts - t.identical)))
  const differs =
    odd === 0 ? "" : ` With the draft, the text of up to ${odd} of them was not the target's own: see run.json.`
  return `Speed-up: wall time, greedy, gamma = ${gamma}, ${prompts} prompts, median of ${rounds} rounds after an untimed one, batch 1, this machine.${busy}${differs}`
}

/** A line on the arms' budgets: it marks a table that mixes budgets. */
const budgetLine = (run: RunRecord): string => {
  const totals = armsOf(run).map((row) => meanTotal(row, "flops"))
  const [least, most] = [Math.min(...totals), Math.max(...totals)]
  const what = `Cost: means over seeds. Second number: including the full cost of its ${withStarts(armsOf(run)) ? "start, reference, caches and texts. The target is excluded." : "reference, caches and texts. Target and start are excluded."}`
  if (totals.length === 0) return what
  if (most / least < 1.03) return `${what} All arms cost the same compute.`
  return `${what} All arms together range over ${(most / least).toFixed(1)} times the FLOPs: rows are not to be compared at face value.`
}

/** A line on the dropped examples; no line if there are none. */
const droppedLine = ({ conditions: { dropped, dataset } }: RunRecord): ReadonlyArray<string> =>
  dropped.train === 0 && dropped.measured === 0
    ? []
    : [`Left out, as longer than maxLength: ${dropped.train} examples to train on, ${dropped.measured} of ${dataset}.`]

/** A line on the share of padding in the batches of arms; no line if it was not counted. */
export const paddingLine = (rows: ReadonlyArray<TrainedRow>): ReadonlyArray<string> => {
  const shares = rows
    .filter(({ role }) => role === "arm")
    .flatMap(({ budget }) => budget)
    .flatMap(({ arm: { positions, tokensSeen } }) => (positions === undefined ? [] : [1 - tokensSeen / positions]))
  if (shares.length === 0) return []
  const [least, most] = [Math.min(...shares), Math.max(...shares)].map((share) => (100 * share).toFixed(1))
  return [`Padding: ${least === most ? least : `${least} to ${most}`} % of the positions of the arms' batches.`]
}

/** A line on the drafts of which only a part was trained; no line if there are none. */
const partLine = ({ rows, draftParameters }: RunRecord): ReadonlyArray<string> => {
  const parts = rows.flatMap(({ name, budget }) => {
    const count = budget[0]?.arm.trainedParameters
    return count === undefined ? [] : [`${name} ${short(count)}`]
  })
  return parts.length === 0 ? [] : [`Trained in part: ${parts.join(", ")} of ${short(draftParameters)} parameters.`]
}

/** A line on the drafts that can propose some ids only; no line if there are none. */
const vocabularyLine = ({ rows }: RunRecord): ReadonlyArray<string> => {
  const parts = rows.flatMap(({ name, seeds }) => {
    const all = seeds.flatMap(({ vocabulary }) => vocabulary ?? [])
    if (all.length === 0) return []
    const share = (of: (one: (typeof all)[number]) => number) => {
      const each = all.map((one) => (100 * of(one)).toFixed(1))
      return from(...([each.toSorted()[0]!, each.toSorted().at(-1)!] as const))
    }
    return [
      `${name} ${all[0]!.ids} (${share((v) => v.greedyOutside)} % of the target's greedy tokens are others, ${share((v) => v.sampledOutside)} % of its samples)`,
    ]
  })
  return parts.length === 0
    ? []
    : [`Ids that a draft can propose, where these are not all: ${parts.join(", ")}. Their KL is over these ids.`]
}

/** How often the target is right, with the interval over prompts; empty for a task without a judgement. */
export const score = ({ target, conditions: { prompts } }: RunRecord): string => {
  if (target.score === null) return ""
  const { value, low, high } = wilson(Math.round(target.score * prompts), prompts)
  return `, right on ${written(value, percent)} % [${written(low, percent)}, ${written(high, percent)}] of the prompts`
}

/** The source of the figures of the first table, in one line; `caption` says it whole. */
export const sourceLine = (run: RunRecord): string => {
  const { conditions: c, seeds } = run
  const interval = seeds.length === 2 ? "two seeds: no comparison" : "± is half of a 95 % interval for this target"
  return `${c.dataset}, ${c.prompts} prompts, ${seeds.length} ${seeds.length === 1 ? "seed" : "seeds"}, gamma = ${c.gamma}; greedy decoding, but expected acceptance on samples at ${temperature(run)}; ${interval}. Rows in brackets are no arms. FLOPs with references, caches and texts.`
}

/** The source of the figures, in lines. */
export const caption = (run: RunRecord): ReadonlyArray<string> => {
  const { conditions: c, target } = run
  const tested = run.rows.flatMap(({ seeds }) =>
    seeds.map(({ byGamma }) => Math.round(byGamma.find(({ gamma }) => gamma === c.gamma)!.testedTokens)),
  )
  const timed = run.rows.some(({ speedup }) => speedup.value !== null)
  const fewer = run.rows.some(({ seeds }) => seeds.length < run.seeds.length)
  return [
    run.seeds.length === 2
      ? `Two seeds: no comparison and no interval (run.json has them), as two seeds do not show how far seeds differ.${fewer ? " A row of one seed has the interval of prompts alone." : ""}`
      : `± is half of a 95 % interval. ${c.interval}.${fewer ? " A row of fewer seeds has the interval of those (of two none is shown); of one seed, of prompts alone." : ""}`,
    `Greedy acceptance, tau, MBSU: greedy decoding, gamma = ${c.gamma}, ${c.dataset}, ${c.prompts} prompts, ${from(Math.min(...tested), Math.max(...tested))} tested tokens a draft and seed; pooled over tokens, "by prompt" the mean of the prompts' own.`,
    `Expected acceptance: sum of min(p, q) on the target's own samples, ${temperature(run)}, ${c.sampledTokens} tokens; there also sampled tau and KL(p || q), of distributions before top-k and top-p.`,
    timed || run.rows.some(({ role }) => role === "arm") ? timingLine(run) : "",
    budgetLine(run),
    ...droppedLine(run),
    ...paddingLine(run.rows),
    ...partLine(run),
    ...vocabularyLine(run),
    `Target: ${short(target.parameters)} parameters${score(run)}. Draft: ${short(run.draftParameters)} parameters.`,
  ].filter((line) => line !== "")
}

/** A line on missing rows and how to compute them; no line if no row is missing. */
export const missingLines = (
  run: Pick<RunRecord, "missing" | "part" | "preset" | "experiment">,
): ReadonlyArray<string> => {
  if (run.missing.length === 0) return []
  const lines = run.missing.map(
    ({ name, seed, stage, message }) => `  ${name}, seed ${seed}, at "${stage}": ${message}`,
  )
  const part = run.part === null ? "" : `/${run.part}`
  const preset = run.preset === null ? "" : ` --preset ${run.preset}`
  return [
    `Missing (${run.missing.length}), and why:`,
    ...lines,
    `The same command, with its settings, tries these again and nothing else: bun run experiment ${run.experiment}${part}${preset}`,
  ]
}
