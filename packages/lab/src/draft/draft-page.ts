/** The page at the end of a draft: the speed-up, what to type, and how it came about. */
import { expectedBlockEfficiency } from "@winnow/decoding"
import { engineCommands } from "../export/engine-commands.ts"
import type { RunRecord } from "../record/schema.ts"
import { align } from "../table/align.ts"
import { percent, short, written } from "../table/format.ts"
import { acceptances, usualGamma } from "./costs.ts"
import type { DraftPlan } from "./draft-plan.ts"
import type { MadeDraft } from "./make-draft.ts"

const times = (value: number | null): string => (value === null ? "-" : value.toFixed(2))

const share = (value: number | null): string => (value === null ? "-" : written(value, percent))

const header = [
  "size",
  "parameters",
  "cost",
  "break-even",
  ...acceptances.map((acceptance) => `at ${(100 * acceptance).toFixed(0)} %`),
]

/** The rows of the table of sizes, with a mark at the chosen one. */
const sizeRows = ({ sizes, chosen }: DraftPlan): ReadonlyArray<ReadonlyArray<string>> =>
  sizes.map(({ name, parameters, cost, breakEven, speedups }) => [
    `${name}${name === chosen ? " *" : ""}`,
    short(parameters),
    cost.toFixed(3),
    breakEven.toFixed(2),
    ...speedups.map(times),
  ])

const legend = ({ target }: DraftPlan): ReadonlyArray<string> => [
  "cost: a proposed token in calls of the target, measured here with random weights.",
  `break-even: tau, tokens a target call, that is as fast as the target alone at gamma ${usualGamma}; checking ${usualGamma} tokens costs ${times(target.checking[usualGamma]!)} calls.`,
  `at ...: times the target's speed at that acceptance, at the best draft length; tau at gamma ${usualGamma} would be ${acceptances.map((acceptance) => expectedBlockEfficiency(acceptance, usualGamma).toFixed(2)).join(", ")}.`,
]

const rate = (perSecond: number): string =>
  perSecond >= 10 ? Math.round(perSecond).toLocaleString("en").replaceAll(",", " ") : perSecond.toPrecision(2)

/** The table of sizes for a terminal. */
export const sizesText = (plan: DraftPlan): ReadonlyArray<string> => [
  `target: ${short(plan.target.parameters)} parameters, ${rate(1 / plan.target.seconds)} tokens/s alone, ${rate(plan.target.writing)} tokens/s writing 16 texts at once`,
  "",
  align([header, ...sizeRows(plan)], new Set([0])),
  "",
  ...legend(plan),
]

const markdownTable = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const [first, ...others] = rows.map((row) => `| ${row.join(" | ")} |`)
  return [first!, `|${" --- |".repeat(rows[0]!.length)}`, ...others].join("\n")
}

/** The figures of a finished draft. */
export interface DraftFigures {
  /** Timed at `usualGamma`. */
  readonly speedup: number | null
  readonly tau: number | null
  /** Greedy acceptance, and that of the start before its training. */
  readonly acceptance: number | null
  readonly acceptanceBefore: number | null
  readonly breakEven: number
  /** The draft length with the largest speed-up by tau there and the costs of the plan. */
  readonly best: { readonly gamma: number; readonly speedup: number }
}

/** The figures of a run. */
export const draftFigures = ({ plan, record }: Pick<MadeDraft, "plan" | "record">): DraftFigures => {
  const of = (role: RunRecord["rows"][number]["role"]) => record.rows.find((row) => row.role === role)!
  const [arm, start] = [of("arm"), of("start")]
  const { cost, breakEven } = plan.sizes.find(({ name }) => name === plan.chosen)!
  const lengths = arm.seeds[0]!.byGamma.map(({ gamma, greedyTau }) => ({
    gamma,
    speedup: (greedyTau ?? 1) / (gamma * cost + plan.target.checking[gamma]!),
  }))
  return {
    speedup: arm.speedup.value,
    tau: arm.tau.value,
    acceptance: arm.greedyAcceptance.value,
    acceptanceBefore: start.greedyAcceptance.value,
    breakEven,
    best: lengths.reduce((a, b) => (b.speedup > a.speedup ? b : a)),
  }
}

/** The first sentences: whether the draft is worth it here, and why. */
export const draftVerdict = (figures: DraftFigures): string => {
  const { speedup, tau, acceptance, acceptanceBefore, breakEven, best } = figures
  const rate = `The target accepts ${share(acceptance)} % of its tokens (${share(acceptanceBefore)} % before the training), ${times(tau)} tokens a target call; ${times(breakEven)} would break even.`
  const other =
    best.gamma === usualGamma
      ? ""
      : best.speedup < 1
        ? " By its costs no draft length pays."
        : ` By its costs gamma ${best.gamma} would do best: about ${times(best.speedup)} times the speed.`
  if (speedup === null) return `The speed-up was not timed: the texts are too short. ${rate}${other}`
  const worth = speedup > 1.02 ? "is worth it" : speedup < 0.98 ? "is not worth it" : "makes no difference"
  return `The draft ${worth} here: ${times(speedup)} times the speed of the target alone at gamma ${usualGamma}. ${rate}${other}`
}

/** The names that the page's commands and links have. */
export interface PageNames {
  readonly target: string
  readonly draft: string
  /** Of the report, as a link from the page. */
  readonly report: string
  /** The line that made the draft. */
  readonly command: string
}

/** The page, in Markdown. */
export const draftPage = ({ plan, record }: MadeDraft, { target, draft, report, command }: PageNames): string => {
  const { steps, prompts, heldOut, chosen, learningRate } = plan
  const figures = draftFigures({ plan, record })
  const { machine } = record
  return `# A draft for ${target}

${draftVerdict(figures)}

Greedy, ${heldOut} prompts that the training did not see, on ${machine.cpu}, ${record.created.slice(0, 10)}. One seed: another
training gives other figures.

## To use it

${engineCommands(target, draft, figures.best.gamma)}

## Its making

The draft is \`${chosen}\` of these sizes, which begin with layers of the target:

${markdownTable([header, ...sizeRows(plan)])}

${legend(plan)
  .map((line) => `- ${line}`)
  .join("\n")}

The target wrote ${prompts} texts at temperature 1. The draft was trained on them for ${steps!.count} steps at a rate of
${learningRate.toPrecision(2)}, to the target's distribution at every token. [The report](${report}) has all figures.

\`\`\`sh
${command}
\`\`\`
`
}
