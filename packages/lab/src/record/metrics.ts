/** metrics.jsonl: how the trainings of a run went, as far as a plot shows it. */
import type { Tokenizer } from "@winnow/data"
import type { Graph } from "../graph.ts"
import { inOrder, readMetrics } from "../stage.ts"
import type { Artifact } from "../store/store.ts"

type Line = Readonly<Record<string, unknown>>

/** Steps of a stage that are written down: more than a chart has pixels for would only make results large. */
const mostSteps = 300

/** Every nth step of a stage that has many, the first and the last among them; all other events. The store has them all. */
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
  const there = inOrder(graph.leaves).filter(({ key }) => artifacts.has(key))
  return there.flatMap((stage) =>
    thinned(readMetrics(artifacts.get(stage.key)!.directory)).map((event) => {
      const { steps: _, ...rest } = { ...event, stage: stage.label, ...name.get(stage.key) } as Line
      return rest["_tag"] === "kept" ? { ...rest, sequences: withText(rest["sequences"], tokenizer) } : rest
    }),
  )
}

/** Numbers to 6 digits: what a plot can show. */
const rounded = (_: string, value: unknown) =>
  typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value

/** The file's text. */
export const metricsText = (lines: ReadonlyArray<Line>): string =>
  lines.map((line) => `${JSON.stringify(line, rounded)}\n`).join("")
