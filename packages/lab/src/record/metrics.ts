/** metrics.jsonl: the course of a run's trainings, at the resolution of a plot. */
import type { Tokenizer } from "@winnow/data"
import type { Graph } from "../graph.ts"
import { inOrder, readMetrics } from "../stage.ts"
import type { Artifact } from "../store/store.ts"

type Line = Readonly<Record<string, unknown>>

/** Most steps of a stage in the file: a chart has no pixels for more, and results would only grow. */
const mostSteps = 300

/**
 * Every nth step of a stage with many steps, including the first and the last; all other events. The store has all
 * steps.
 */
const thinned = (events: ReadonlyArray<Line>): ReadonlyArray<Line> => {
  const steps = events.filter(({ _tag }) => _tag === "step")
  const every = Math.ceil(steps.length / mostSteps)
  const [first, last] = [steps[0], steps.at(-1)]
  return events.filter((e) => e["_tag"] !== "step" || e === first || e === last || (e["step"] as number) % every === 0)
}

/** Token ids as the text of each token: readable without the tokenizer. */
const withText = (sequences: unknown, tokenizer: Tokenizer) =>
  (sequences as ReadonlyArray<{ gold: ReadonlyArray<number>; weights: ReadonlyArray<number> }>).map(
    ({ gold, weights }) => ({ tokens: gold.map((id) => tokenizer.decode([id])), weights }),
  )

/** Events of the training stages of a run, a line each: which stage, then the event. */
export const runMetrics = (
  graph: Graph,
  artifacts: ReadonlyMap<string, Artifact>,
  tokenizer: Tokenizer,
): ReadonlyArray<Line> => {
  const name = new Map(graph.measured.map(({ trained, name, seed }) => [trained.key, { arm: name, seed }]))
  const stages = inOrder(graph.leaves).filter(({ key }) => artifacts.has(key))
  return stages.flatMap((stage) =>
    thinned(readMetrics(artifacts.get(stage.key)!.directory)).map((event) => {
      const { steps: _, ...rest } = { ...event, stage: stage.label, ...name.get(stage.key) } as Line
      return rest["_tag"] === "kept" ? { ...rest, sequences: withText(rest["sequences"], tokenizer) } : rest
    }),
  )
}

/** Numbers to 6 digits, enough for a plot. */
const rounded = (_: string, value: unknown) =>
  typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value

/** The file's text. */
export const metricsText = (lines: ReadonlyArray<Line>): string =>
  lines.map((line) => `${JSON.stringify(line, rounded)}\n`).join("")
