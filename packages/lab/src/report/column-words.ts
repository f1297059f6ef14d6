/** Words on the columns of tables, and the page of the docs that has more. */
import type { StudyTable, TableColumn } from "../study/table.ts"

interface Words {
  readonly says: string
  /** The page of the docs, with its anchor. */
  readonly at?: string
}

const tables = "reports.md#the-tables"
const measures = "metrics.md#the-measures"

const known: Readonly<Record<string, Words>> = {
  greedyAcceptance: {
    says: "Accepted over tested tokens in greedy decoding, pooled over prompts and seeds: the AdaSPEC definition.",
    at: measures,
  },
  byPrompt: {
    says: "Greedy acceptance, the mean of the prompts' own ratios. Where it differs from the pooled one, long answers are harder or easier than short ones.",
    at: tables,
  },
  expectedAcceptance: {
    says: "The mean over positions of the sum of min(p, q), on texts that the target sampled: 1 minus the total variation. Another number than the greedy one, not to be compared with it.",
    at: measures,
  },
  tau: {
    says: "Tokens for each target call, the target's own token counted: 1 to gamma + 1.",
    at: "metrics.md#block-efficiency-and-mbsu",
  },
  sampledTau: {
    says: "Tokens for each target call in sampling: an expectation over the draft's tokens, on texts that the target sampled.",
    at: "metrics.md#block-efficiency-and-mbsu",
  },
  mbsu: {
    says: "tau / (c gamma + 1), c the draft's parameters over the target's: the speed-up where reading weights is all that a call costs.",
    at: "metrics.md#block-efficiency-and-mbsu",
  },
  sampledMbsu: { says: "The same of the sampled tau.", at: "metrics.md#block-efficiency-and-mbsu" },
  draftKl: { says: "KL(p || q) for each token of the target's own samples, in nats. Lower is better.", at: measures },
  speedup: {
    says: "Wall time of the target alone over that with the draft, on the machine of this run.",
    at: "metrics.md#speed-up",
  },
  seeds: { says: "Trainings behind the row, each from its own seed.", at: "reports.md#intervals" },
  flopsAll: {
    says: "All training behind the row: its own, and the whole of its reference, caches and written texts.",
    at: "comparisons.md#budgets",
  },
  passes: {
    says: "How often the arm's training saw the whole training text, the mean over seeds.",
    at: "comparisons.md#budgets",
  },
  filter: { says: "The filter that chose the trained tokens, with its options.", at: "plugins.md" },
  loss: { says: "The loss on these tokens.", at: "plugins.md" },
  rate: { says: "The learning rate at its highest.", at: "comparisons.md#searches" },
  searchTrials: {
    says: "Trainings of the search for the row's settings, one for each seed of each point.",
    at: "search.md#costs",
  },
  searchFlops: {
    says: "FLOPs of that search, with the whole of its caches and written texts. They are in no other column.",
    at: "search.md#costs",
  },
  searchSeconds: { says: "Seconds of that search, its scores included.", at: "search.md#costs" },
  steps: { says: "Optimizer steps; behind the slash with those of the arm's reference.", at: "comparisons.md#budgets" },
  tokensTrained: { says: "Tokens in the loss; behind the slash with the reference's.", at: "comparisons.md#budgets" },
  tokensSeen: {
    says: "Tokens through the trunk; behind the slash with the reference's and the caches'.",
    at: "comparisons.md#budgets",
  },
  flops: {
    says: "FLOPs of the arm's own training; behind the slash with reference, caches and texts.",
    at: "comparisons.md#budgets",
  },
  seconds: {
    says: "Seconds of training steps on this machine; behind the slash with reference, caches and texts.",
    at: "comparisons.md#budgets",
  },
  draftCall: {
    says: "A call of the draft on one token, the middle of the seeds and their range.",
    at: "metrics.md#speed-up",
  },
  targetCall: { says: "A call of the target on one token.", at: "metrics.md#speed-up" },
  verifyCall: { says: "A call of the target on a whole block.", at: "metrics.md#speed-up" },
  predicted: { says: "The speed-up by T_target / T, T = (gamma T_draft + T_target) / tau.", at: "metrics.md#speed-up" },
  predictedFromVerify: {
    says: "The same with the block's own time in the place of T_target.",
    at: "metrics.md#speed-up",
  },
  measured: {
    says: "Whole texts, prompts and shorter last blocks included: the median over rounds.",
    at: "metrics.md#speed-up",
  },
}

/** The tables of drafts by name: their columns are known here. */
export const draftTables: ReadonlySet<string> = new Set(["acceptance", "cost", "time", "differences"])

/**
 * The words on a column: known ones, or for a measure that only its study knows its name, unit and better direction;
 * undefined where they would only repeat its head.
 */
export const columnWords = ({ name: table }: Pick<StudyTable, "name">, column: TableColumn): Words | undefined => {
  const words = draftTables.has(table) && Object.hasOwn(known, column.key) ? known[column.key] : undefined
  if (words !== undefined) return words
  const unit = column.unit === "" ? "" : `, in ${column.unit}`
  const better = column.direction === null ? "" : `; ${column.direction} is better`
  const kind = column.kind === "range" ? ". The middle of the seeds, and their range" : ""
  const text = `${column.name}${unit}${better}${kind}.`
  if (text === `${column.head}.`) return undefined
  return { says: text.charAt(0).toUpperCase() + text.slice(1) }
}

/** All pages of the docs, with anchors, that words on columns lead to. */
export const columnPages: ReadonlyArray<string> = [...new Set(Object.values(known).flatMap(({ at }) => at ?? []))]
