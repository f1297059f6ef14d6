/** The words and tables of variables that heads read off a target. */
import { bootstrapInterval, spearman } from "@winnow/numerics"
import { type MeasuresRecord, measuresOf } from "../record/measures-schema.ts"
import type { VariableFacts } from "../stages/variable-facts.ts"
import type { StudyReport } from "./study.ts"
import { column, type StudyTable, type TableFigure } from "./table.ts"

/** A head on the frozen target, the same with the variable's previous value, or with a copy of the target trained along. */
export type Mode = "frozen" | "previous" | "full"

/** One arm. */
export interface VariableArm {
  readonly name: string
  readonly variable: string
  readonly mode: Mode
  readonly facts: VariableFacts
  /** Of each seed, 0 to 1. */
  readonly accuracy: ReadonlyArray<number>
}

const mean = (values: ReadonlyArray<number>) => values.reduce((a, b) => a + b, 0) / values.length

/** Accuracy beyond the most frequent class: 0 without any input, 1 always right. */
const skillOf = ({ accuracy, facts: { majority } }: VariableArm): TableFigure | null => {
  if (accuracy.length === 0 || majority === 1) return null
  const skills = accuracy.map((x) => (x - majority) / (1 - majority))
  return { value: mean(skills), low: Math.min(...skills), high: Math.max(...skills), seeds: skills.length }
}

const share = { style: "percent", unit: "%" } as const

/** The arms of a variable by mode. */
type Row = Readonly<Partial<Record<Mode, VariableArm>>> & { readonly variable: string; readonly facts: VariableFacts }

const rowsOf = (arms: ReadonlyArray<VariableArm>): ReadonlyArray<Row> =>
  [...Map.groupBy(arms, ({ variable }) => variable)]
    .map(([variable, of]) => ({
      ...{ variable, facts: of[0]!.facts },
      ...(Object.fromEntries(of.map((arm) => [arm.mode, arm])) as Partial<Record<Mode, VariableArm>>),
    }))
    .toSorted((a, b) => b.facts.told - a.facts.told)

const skill = (head: string, name: string) => column(head, head, { ...share, kind: "range", direction: "higher", name })

const skillsTable = (rows: ReadonlyArray<Row>): StudyTable => ({
  name: "variables",
  title: "Variables read off the target, the share that the next token tells first",
  of: "variable",
  notes: [
    "told: the share of the variable's entropy that the token itself tells, beyond chance, by counting. common: the share of its most frequent class.",
    "frozen, full: skill of a head on the frozen target and of one whose copy of the target is trained along: accuracy beyond the most frequent class, 0 to 100; mean of the seeds, and their range.",
  ],
  columns: [
    column("told", "told %", { ...share, kind: "cost", name: "told by the next token" }),
    column("common", "common %", { ...share, kind: "cost", name: "share of the most frequent class" }),
    skill("frozen", "skill of the frozen head"),
    skill("full", "skill of full fine-tuning"),
  ],
  rows: rows.map(({ variable, facts, frozen, full }) => ({
    name: variable,
    context: false,
    cells: {
      ...{ told: { value: facts.told }, common: { value: facts.majority } },
      ...{ frozen: frozen ? skillOf(frozen) : null, full: full ? skillOf(full) : null },
    },
  })),
})

const previousTable = (rows: ReadonlyArray<Row>): ReadonlyArray<StudyTable> => {
  const both = rows.filter(({ frozen, previous }) => frozen && previous)
  if (both.length === 0) return []
  return [
    {
      name: "previous",
      title: "The previous value beside the state",
      of: "variable",
      notes: ["Skill as above; with previous the head also reads the variable's value at the token before."],
      columns: [skill("frozen", "skill of the frozen head"), skill("previous", "skill with the previous value")],
      rows: both.map(({ variable, frozen, previous }) => ({
        name: variable,
        context: false,
        cells: { frozen: skillOf(frozen!), previous: skillOf(previous!) },
      })),
    },
  ]
}

/** Seconds and FLOPs of an arm's training, the mean of its seeds. */
const costOf = ({ arms }: Pick<MeasuresRecord, "arms">, arm: VariableArm | undefined) => {
  const budget = arms.rows.find(({ name }) => name === arm?.name)?.budget ?? []
  if (budget.length === 0) return undefined
  return { seconds: mean(budget.map((of) => of.arm.seconds)), flops: mean(budget.map((of) => of.arm.flops)) }
}

const driftOf = (run: MeasuresRecord, arm: VariableArm | undefined): TableFigure | null => {
  const cell = measuresOf(run).rows.find(({ name }) => name === arm?.name)?.cells["drift"]
  return typeof cell === "object" ? cell : null
}

const ratio = (a: number | undefined, b: number | undefined): TableFigure | null =>
  a === undefined || b === undefined || b === 0 ? null : { value: a / b }

const costsTable = (run: MeasuresRecord, rows: ReadonlyArray<Row>): ReadonlyArray<StudyTable> => {
  const both = rows.filter(({ frozen, full }) => frozen && full)
  if (both.length === 0) return []
  return [
    {
      name: "costs-of-full",
      title: "Full fine-tuning against the head on a frozen target",
      of: "variable",
      notes: [
        "time, FLOPs: the frozen head's over those of full fine-tuning, same steps and texts. drift: KL of the target's next token before and after full fine-tuning, nats; a frozen target's is 0.",
      ],
      columns: [
        column("time", "time", { kind: "cost", direction: "lower", clock: true, name: "time over full fine-tuning's" }),
        column("flops", "FLOPs", { kind: "cost", direction: "lower", name: "FLOPs over full fine-tuning's" }),
        column("frozenDrift", "drift, frozen", { kind: "cost", style: "nats", unit: "nats", direction: "lower" }),
        column("drift", "drift, full", { style: "nats", unit: "nats", direction: "lower" }),
      ],
      rows: both.map(({ variable, frozen, full }) => {
        const [of, against] = [costOf(run, frozen), costOf(run, full)]
        return {
          name: variable,
          context: false,
          cells: {
            time: ratio(of?.seconds, against?.seconds),
            flops: ratio(of?.flops, against?.flops),
            frozenDrift: driftOf(run, frozen),
            drift: driftOf(run, full),
          },
        }
      }),
    },
  ]
}

/** Spearman's correlation of told and skill over variables, with a bootstrap interval; null for too few, or no order. */
const follows = (rows: ReadonlyArray<Row>): TableFigure | null => {
  const pairs = rows.flatMap(({ facts, frozen }) => {
    const value = frozen && skillOf(frozen)?.value
    return value == null ? [] : [[facts.told, value] as const]
  })
  const of = (items: ReadonlyArray<number>) =>
    spearman(
      items.map((i) => pairs[i]![0]),
      items.map((i) => pairs[i]![1]),
    )
  const value = pairs.length < 3 ? Number.NaN : of([...pairs.keys()])
  if (!Number.isFinite(value)) return null
  const interval = bootstrapInterval(pairs.length, of, { draws: 1000 })
  return { value, low: interval?.low ?? null, high: interval?.high ?? null }
}

const written = ({ value, low, high }: TableFigure) =>
  low == null || high == null ? value!.toFixed(2) : `${value!.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`

/** The report. */
export const reportVariables = (run: MeasuresRecord, arms: ReadonlyArray<VariableArm>): StudyReport => {
  const rows = rowsOf(arms)
  const tables = [skillsTable(rows), ...previousTable(rows), ...costsTable(run, rows)]
  const rho = follows(rows)
  const scope = `${rows.length} variables, ${run.seeds.length} ${run.seeds.length === 1 ? "seed" : "seeds"}, this target`
  const verdict =
    rho === null
      ? `No verdict: fewer than three variables have a skill; ${scope}.`
      : `A frozen head's skill follows the share that the next token tells: Spearman's rho ${written(rho)}; ${scope}.`
  const gained = rows.filter(({ frozen, previous }) => {
    const [without, by] = [frozen && skillOf(frozen)?.value, previous && skillOf(previous)?.value]
    return without != null && by != null && by > 0.9 && without < 0.5
  })
  const costs = rows.flatMap(({ frozen, full }) => {
    const [of, against] = [costOf(run, frozen), costOf(run, full)]
    return of && against ? [of.seconds / against.seconds] : []
  })
  return {
    verdict,
    conclusions: [
      `Skill above 0.9 with the previous value and below 0.5 without: ${gained.map(({ variable }) => variable).join(", ") || "none"}.`,
      ...(costs.length === 0
        ? []
        : [
            `A head on the frozen target takes ${(100 * mean(costs)).toFixed(0)} % of the time of full fine-tuning, mean over variables.`,
          ]),
      ...(rows.length < 8 ? [`${rows.length} variables: with so few, an interval over variables says little.`] : []),
    ],
    tables,
  }
}
