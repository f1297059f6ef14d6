/** metrics.jsonl: the course of a run's trainings, at the resolution of a plot. */
import type { Tokenizer } from "@winnow/data"
import type { Graph } from "../graph.ts"
import { inOrder, readMetrics } from "../stage.ts"
import type { Artifact } from "../store/store.ts"

type Line = Readonly<Record<string, unknown>>

/** A stage of so many steps has all of them in the file; a longer one has every tenth. */
const shortStage = 100

/** Most steps of a stage in the file: a curve has no more points, and results would only grow. */
const mostSteps = 150

/** Distance of the steps of a stage that the file has. */
const distanceOf = (steps: number): number => (steps <= shortStage ? 1 : Math.max(10, Math.ceil(steps / mostSteps)))

const droppedAny = ({ sequences }: Line): boolean =>
  (sequences as ReadonlyArray<{ weights: ReadonlyArray<number> }>).some(({ weights }) => weights.includes(0))

/**
 * Of a stage with many steps the first, the last and those at a constant distance, each as it was; choices of filters,
 * unless all of them keep every token; all other events. The store has all.
 */
export const thinned = (events: ReadonlyArray<Line>): ReadonlyArray<Line> => {
  const steps = events.filter(({ _tag }) => _tag === "step")
  const every = distanceOf(steps.length)
  const [first, last] = [steps[0], steps.at(-1)]
  const drops = events.some((e) => e["_tag"] === "kept" && droppedAny(e))
  return events.filter((e) =>
    e["_tag"] === "step"
      ? e === first || e === last || (e["step"] as number) % every === 0
      : e["_tag"] !== "kept" || drops,
  )
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
