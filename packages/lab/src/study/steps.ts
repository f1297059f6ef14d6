/**
 * Several steps in a row as one run: each step is a group of arms with a table of its own, and the drafts that leave the run
 * are exported, read again from their folders, and measured once more.
 */
import { InvalidInput } from "@winnow/core"
import { type } from "arktype"
import { Effect } from "effect"
import { differenceBetween } from "../record/comparisons.ts"
import type { IntervalRecord, RowRecord, RunRecord } from "../record/schema.ts"
import { type ExportedSummary, exportedStage } from "../stages/exported.ts"
import { type Entry, entry, number } from "../table/entries.ts"
import { defineStudy, type StudyFinding } from "./study.ts"
import { column, type StudyTable, type TableFigure } from "./table.ts"

const stepName = /^[a-z][a-z0-9-]{0,29}$/
/** Names of the tables that a run has anyway. */
const taken = new Set(["acceptance", "cost", "decoding", "differences", "export", "measures", "ranking", "time"])

const options = type({
  "+": "reject",
  // The arms of each step, in order; the others of a step are compared to its first one. "start:NAME" is the arm that
  // NAME begins with, which a choice may have taken.
  steps: type({ "[string]": "string[] >= 1" }).narrow((steps, ctx) => {
    const names = Object.keys(steps)
    if (names.length === 0) return ctx.reject({ expected: "one step or more", actual: "none" })
    const odd = names.find((name) => !stepName.test(name) || taken.has(name))
    return (
      odd === undefined ||
      ctx.reject({ expected: `names in lower-case letters and hyphens, none of ${[...taken].join(", ")}`, actual: odd })
    )
  }),
  // The arms whose drafts are exported, under the first seed; heads are exported by `winnow export` alone.
  exports: type("string[]").default(() => []),
})

const figure = ({ value, low, high, seeds }: IntervalRecord): TableFigure => ({ value, low, high, seeds })
const mean = (values: ReadonlyArray<number>): number | null =>
  values.length === 0 ? null : values.reduce((a, b) => a + b, 0) / values.length
const ofSeeds = (values: ReadonlyArray<number>): TableFigure | null =>
  values.length === 0 ? null : { value: mean(values), low: Math.min(...values), high: Math.max(...values) }

const share = { style: "percent", unit: "%", direction: "higher" } as const

/** The table of some arms. */
const tableOf = (
  base: Pick<StudyTable, "name" | "title" | "notes">,
  rows: ReadonlyArray<RowRecord>,
  entries: ReadonlyArray<Entry<RowRecord>>,
): StudyTable => ({
  ...base,
  of: "arm",
  columns: entries.map(({ column }) => column),
  rows: rows.map((row) => ({
    name: row.name,
    context: false,
    cells: Object.fromEntries(entries.map(({ column, cell }) => [column.key, cell(row)])),
  })),
})

const startPrefix = "start:"

/** The arm that an entry of a step means; undefined where it is the start of an arm without one, or without figures. */
const armOf = (entry: string, { rows }: RunRecord): string | undefined => {
  if (!entry.startsWith(startPrefix)) return entry
  const from = rows.find(({ name }) => name === entry.slice(startPrefix.length))?.from
  return from?.startsWith("arm ") ? from.slice("arm ".length) : undefined
}

/** The arms of a step, each once. */
const armsIn = (entries: ReadonlyArray<string>, run: RunRecord): ReadonlyArray<string> => [
  ...new Set(entries.flatMap((one) => armOf(one, run) ?? [])),
]

/** One step: its arms, and what each has more than the first. */
const stepTable = (name: string, entries: ReadonlyArray<string>, run: RunRecord): StudyTable => {
  const arms = armsIn(entries, run)
  const rows = arms.flatMap((arm) => run.rows.filter((row) => row.role === "arm" && row.name === arm))
  const missing = arms.filter((arm) => !rows.some((row) => row.name === arm))
  const first = arms[0]!
  const difference = (row: RowRecord): TableFigure | null => {
    const found = row.name === first ? undefined : differenceBetween(run, row.name, first)
    return found === undefined
      ? null
      : { value: found.value, low: found.low, high: found.high, seeds: found.seeds.length }
  }
  return tableOf(
    {
      ...{ name, title: `Step ${name}` },
      notes: [
        `Minus: greedy acceptance minus that of ${first}, points, paired by seed and prompt. Trained: numbers that the optimizer changed.`,
        ...(missing.length === 0 ? [] : [`Without figures: ${missing.join(", ")}.`]),
      ],
    },
    rows,
    [
      entry(column("greedyAcceptance", "greedy %", { ...share, name: "greedy acceptance" }), (r) =>
        figure(r.greedyAcceptance),
      ),
      entry(column("difference", "minus", { ...share, name: `greedy acceptance minus ${first}` }), difference),
      entry(
        column("tau", `tau (g=${run.conditions.gamma})`, { unit: "tokens", direction: "higher", name: "tau" }),
        (r) => figure(r.tau),
      ),
      entry(column("trained", "trained", { kind: "cost", style: "short", direction: "lower" }), (r) =>
        number(mean(r.budget.flatMap(({ arm }) => arm.trainedParameters ?? [])) ?? parametersOf(r, run)),
      ),
      entry(column("seconds", "seconds", { kind: "cost", style: "seconds", direction: "lower", clock: true }), (r) =>
        number(mean(r.budget.map(({ arm }) => arm.seconds))),
      ),
    ],
  )
}

/** The parameters of a draft that is trained whole. */
const parametersOf = ({ parameterRatio }: RowRecord, { target, draftParameters }: RunRecord): number =>
  parameterRatio === undefined ? draftParameters : Math.round(parameterRatio * target.parameters)

/** The clock: tokens a second alone and with each draft. */
const decodingTable = (arms: ReadonlyArray<string>, run: RunRecord): StudyTable => {
  const rows = arms.flatMap((arm) =>
    run.rows.filter(({ name, role, seeds }) => role === "arm" && name === arm && seeds.some(({ timing }) => timing)),
  )
  const timings = ({ seeds }: RowRecord) => seeds.flatMap(({ timing }) => timing ?? [])
  const clocked = { kind: "cost", clock: true, direction: "higher" } as const
  const meanOf = (r: RowRecord, of: (timing: ReturnType<typeof timings>[number]) => number) =>
    number(mean(timings(r).map(of)))
  return tableOf(
    {
      ...{ name: "decoding", title: "Decoding against the clock" },
      notes: [
        `Greedy, draft length ${run.conditions.gamma}, ${run.conditions.timedPrompts} prompts a seed: means over the seeds; of the speed-up also the lowest and the highest. Texts: timed texts that are the target's own in every round.`,
      ],
    },
    rows,
    [
      entry(column("speedup", "speed-up", { ...clocked, kind: "range" }), (r) =>
        ofSeeds(r.seeds.flatMap(({ speedup }) => (speedup === null ? [] : [speedup]))),
      ),
      entry(column("tau", "tau", { ...clocked, unit: "tokens" }), (r) => meanOf(r, (of) => of.blockEfficiency)),
      entry(column("alone", "alone /s", { ...clocked, style: "whole", name: "tokens a second, target alone" }), (r) =>
        meanOf(r, (of) => of.tokensPerSecond.alone),
      ),
      entry(column("with", "with /s", { ...clocked, style: "whole", name: "tokens a second with the draft" }), (r) =>
        meanOf(r, (of) => of.tokensPerSecond.withDraft),
      ),
      entry(column("identical", "texts", { kind: "text" }), (r) => {
        const all = timings(r)
        const sum = (of: (timing: (typeof all)[number]) => number) => all.reduce((total, one) => total + of(one), 0)
        return `${sum(({ identical }) => identical ?? 0)} of ${sum(({ prompts }) => prompts)}`
      }),
    ],
  )
}

/** The greedy acceptance of a measurement. */
const acceptanceIn = (summary: StudyFinding["summary"] | undefined): number | null => {
  const value = summary?.["greedyAcceptance"]
  return typeof value === "number" ? value : null
}

/** The exported drafts: their size, and that the folder proposes what the run's draft proposed. */
const exportTable = (run: RunRecord, findings: ReadonlyArray<StudyFinding>): StudyTable => {
  const exported = findings.filter(({ of }) => of === "export")
  return {
    ...{ name: "export", title: "Exported drafts", of: "arm" },
    notes: [
      "Folder: greedy acceptance of the draft as it is read from the exported folder, beside that of the run under the same seed.",
    ],
    columns: [
      column("parameters", "parameters", { kind: "cost", style: "short" }),
      column("bytes", "bytes", { kind: "cost", style: "short" }),
      column("part", "private", { kind: "cost", style: "short", name: "bytes of the trained part alone" }),
      column("run", "run %", { kind: "cost", style: "percent", unit: "%" }),
      column("folder", "folder %", { kind: "cost", style: "percent", unit: "%" }),
    ],
    rows: exported.map(({ row, seed, summary }) => {
      const { parameters, bytes, partBytes } = summary as unknown as ExportedSummary
      const again = findings.find((one) => one.of === "read" && one.row === row)?.summary
      const own = run.rows.find(({ name }) => name === row)?.seeds.find((one) => one.seed === seed)
      return {
        name: row,
        context: false,
        cells: {
          parameters: number(parameters),
          bytes: number(bytes),
          part: number(partBytes),
          run: number(own?.greedyAcceptance ?? null),
          folder: number(acceptanceIn(again)),
        },
      }
    }),
  }
}

/**
 * The study `steps`: a table for each step of a chain, one of the clock for the last step, and one of the exported drafts.
 *
 * @param options.steps names of arms by step; the first arm of a step is its control, "start:NAME" the arm that NAME began with
 * @param options.exports names of arms with a model that are exported and measured again from their folders
 */
export const steps = defineStudy({
  name: "steps",
  from: import.meta.url,
  options,
  make: ({ steps, exports }) => {
    const unknown = exports.filter((name) => !Object.values(steps).flat().includes(name))
    if (unknown.length > 0)
      return Effect.fail(
        new InvalidInput({
          what: "study steps",
          problems: [`exports ${unknown.join(", ")}, in no step; name arms of ${Object.keys(steps).join(", ")}`],
        }),
      )
    return Effect.succeed({
      stages: ({ drafts, tokenizer, measureOf }) => {
        const leaving = exports.flatMap((name) => drafts.find((draft) => draft.name === name) ?? [])
        return Effect.succeed(
          leaving.flatMap(({ name, seed, trained }) => {
            const exported = exportedStage(`export ${name}, seed ${seed}`, { draft: trained, tokenizer })
            return [
              { row: name, seed, of: "export", stage: exported },
              {
                row: name,
                seed,
                of: "read",
                stage: measureOf(`measure ${name} from its folder, seed ${seed}`, exported),
              },
            ]
          }),
        )
      },
      report: (run, findings) => {
        const all = Object.entries(steps)
        return {
          verdict: run.verdict,
          conclusions: [],
          tables: [
            ...all.map(([name, arms]) => stepTable(name, arms, run)),
            decodingTable(
              armsIn(
                all.flatMap(([, arms]) => arms),
                run,
              ),
              run,
            ),
            exportTable(run, findings),
          ].filter(({ rows }) => rows.length > 0),
        }
      },
    })
  },
})
