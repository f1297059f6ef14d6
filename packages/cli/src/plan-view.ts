/** A plan of a run for people: stages that differ only in their seed share a line. */
import { align, diskText, duration, type Plan, type PlannedStage, short, wrap } from "@winnow/lab"
import { renderReasons } from "./plan-reasons.ts"

/** Columns of a terminal. */
const width = 80

/** A stage's label without its seed and its shard, and without the point of a search. */
const groupOf = ({ stage, kind }: PlannedStage): string => {
  const label = stage.replace(/, seed -?\d+/, "").replace(/, shard \d+ of \d+$/, ", shards")
  return label.replace(kind === "trial" ? /,.*$/ : / at .+$/, ", search")
}

/** One number, or the smallest and the largest; "" without any. */
const range = (numbers: ReadonlyArray<number | undefined>, text: (n: number) => string): string => {
  const known = numbers.filter((n) => n !== undefined)
  if (known.length === 0) return ""
  const [low, high] = [text(Math.min(...known)), text(Math.max(...known))]
  return low === high ? low : `${low}-${high}`
}

const isToDo = ({ state }: PlannedStage): boolean => state !== "cached"

const secondsOf = (stages: ReadonlyArray<PlannedStage>): number =>
  stages.reduce((sum, { seconds }) => sum + (seconds ?? 0), 0)

const rowOf = (label: string, stages: ReadonlyArray<PlannedStage>): ReadonlyArray<string> => {
  const toDo = stages.filter(isToDo)
  const known = toDo.some(({ seconds }) => seconds !== null)
  const work = stages.map((stage) => stage.work)
  return [
    label,
    stages.length === 1 ? String(toDo.length) : `${toDo.length} of ${stages.length}`,
    ...[
      range(
        work.map(({ parameters }) => parameters),
        short,
      ),
      range(
        work.map(({ steps }) => steps),
        String,
      ),
    ],
    range(
      work.map(({ tokens }) => tokens),
      short,
    ),
    toDo.length === 0 ? "" : known ? `~${duration(secondsOf(toDo))}` : "?",
  ]
}

/** The labels, in the first column, cut to the width that the other columns leave. */
const fitted = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<ReadonlyArray<string>> => {
  const columns = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  const room = width - columns.slice(1).reduce((sum, of) => sum + 2 + of, 0)
  return rows.map(([label, ...rest]) => [label!.length <= room ? label! : `${label!.slice(0, room - 3)}...`, ...rest])
}

/** Groups of stages. */
const grouped = ({ stages }: Plan): string => {
  const head = ["stage", "to do", "weights", "steps", "tokens", "time"]
  const rows = [...Map.groupBy(stages, groupOf)].map(([label, group]) => rowOf(label, group))
  return align(fitted([head, ...rows]), new Set([0]))
}

/** Every stage with its key. */
const everyStage = ({ stages }: Plan): string => {
  const rows = stages.map(({ stage, state, key, seconds }) => [
    stage,
    state,
    key.slice(0, 10),
    seconds === null ? "?" : `${state === "cached" ? "" : "~"}${duration(seconds)}`,
  ])
  return align(fitted([["stage", "state", "key", "time"], ...rows]), new Set([0, 1, 2]))
}

const total = ({ stages }: Plan): string => {
  const toDo = stages.filter(isToDo)
  if (toDo.length === 0) return "Everything is there: a run only prints the table."
  const begun = toDo.filter(({ state }) => state === "to resume").length
  const unknown = toDo.filter(({ seconds }) => seconds === null).length
  const time = `about ${duration(secondsOf(toDo))} on this machine`
  const many = `${toDo.length} of ${stages.length} stages to do`
  const parts = [
    unknown === toDo.length
      ? "no estimate yet"
      : unknown === 0
        ? time
        : `${unknown} without an estimate, the rest ${time}`,
    ...(begun > 0 ? [`${begun} from a checkpoint`] : []),
  ]
  return wrap(`${many}: ${parts.join("; ")}.`, width)
}

/**
 * The plan in 80 columns: groups of stages, the total, reasons, notes.
 *
 * @param verbose every stage by itself, with its key
 */
export const renderPlan = (plan: Plan, { verbose = false }: { readonly verbose?: boolean } = {}): string =>
  [
    verbose ? everyStage(plan) : grouped(plan),
    "",
    total(plan),
    ...(plan.disk ? [wrap(`On the disk, ${diskText(plan.disk)}.`, width)] : []),
    ...(plan.guessedLengths ? ["Tokens are a guess until the data is encoded."] : []),
    ...renderReasons(plan),
    ...(plan.notes.length > 0 ? [""] : []),
    ...plan.notes.map((text) => wrap(text, width, "note: ")),
  ].join("\n")
