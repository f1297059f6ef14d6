/**
 * The parts that the records of all runs share: the header, the training of each draft, and the search for settings.
 */
import type { DataError, InvalidInput } from "@winnow/core"
import { sha256 } from "@winnow/files"
import { Effect } from "effect"
import { isRange } from "../experiment/domain.ts"
import { plain } from "../experiment/plain-json.ts"
import type { Resolved } from "../experiment/resolved.ts"
import { describeStart } from "../experiment/start.ts"
import type { Graph, Measured } from "../graph.ts"
import { countsStarts } from "../paid.ts"
import type { Artifact } from "../store/store.ts"
import { costsOf, searchCost, stagesOf } from "./costs.ts"
import { countsFile } from "./counts.ts"
import type { MissingRecord } from "./header.ts"
import { machine } from "./machine.ts"
import { runName } from "./name.ts"
import type { RunRecord, SweepRecord, TrainedRow } from "./schema.ts"
import { weightsOfRun } from "./weights.ts"

/** The code at the beginning of a run, read before its first stage: the checkout may change while it runs. */
export type MadeBy = Pick<RunRecord, "commit" | "versions">

/** The experiment of a run, with part and preset if it has several. */
export interface RunOf {
  readonly slug: string
  readonly part?: string | null
  readonly preset?: string | null
}

/** The header of a record; its verdict and conclusions follow from the rest. */
export const headerOf = (
  { slug, part = null, preset = null }: RunOf,
  resolved: Resolved,
  graph: Graph,
  {
    artifacts,
    missing,
    madeBy,
    counts,
  }: {
    readonly artifacts: ReadonlyMap<string, Artifact>
    readonly missing: ReadonlyArray<MissingRecord>
    readonly madeBy: MadeBy
    /** The text of counts.json. */
    readonly counts: string
  },
) =>
  Effect.map(weightsOfRun(graph, artifacts), (weights) => ({
    experiment: slug,
    part,
    preset,
    name: resolved.name,
    question: resolved.question,
    run: runName(resolved, graph),
    created: new Date().toISOString(),
    config: resolved.config,
    seeds: [...graph.settled.seeds],
    ...madeBy,
    machine: machine(),
    verdict: "",
    missing: [...missing],
    conclusions: [],
    counts: { file: countsFile, sha256: sha256(counts), bytes: Buffer.byteLength(counts) },
    weights,
    stages: stagesOf([...graph.trials, ...graph.leaves], artifacts),
  }))

/** The training and the cost of each draft, over its seeds. */
export const trainedRows = (
  { settled: { arms } }: Pick<Graph, "settled">,
  drafts: ReadonlyArray<{ readonly name: string; readonly measured: ReadonlyArray<Measured> }>,
  artifacts: ReadonlyMap<string, Artifact>,
): Effect.Effect<ReadonlyArray<TrainedRow>, DataError | InvalidInput> => {
  const withStarts = countsStarts(arms)
  return Effect.forEach(drafts, ({ name, measured }) =>
    Effect.gen(function* () {
      // After settling, as a search may have chosen an option.
      const arm = arms.find((a) => a.name === name)
      return {
        name,
        role: measured[0]!.role,
        filter: arm ? yield* plain(arm.filter) : null,
        loss: arm ? yield* plain(arm.loss) : null,
        reference: arm?.reference?.kind ?? null,
        from: arm ? describeStart(arm.start) : null,
        learningRate: arm?.optimizer.learningRate ?? null,
        budget: measured.map((m) => costsOf(m, ({ key }) => artifacts.get(key)!, withStarts)),
      }
    }),
  )
}

/** The search for settings; null if there was none. */
export const sweepOf = (
  { settled }: Pick<Graph, "settled">,
  artifacts: ReadonlyMap<string, Artifact>,
): SweepRecord | null => {
  if (settled.sweep === null) return null
  const { trials, arms, seeds, over, method, budget, ...sweep } = settled.sweep
  const withStarts = countsStarts(settled.arms)
  const { flops, ...whole } = searchCost(trials.flat(), withStarts, artifacts)
  return {
    ...sweep,
    ...(seeds && { seeds: [...seeds] }),
    over: Object.fromEntries(
      Object.entries(over).map(([path, values]) => [path, isRange(values) ? { ...values } : [...values]]),
    ),
    ...(method && { method: { ...method } }),
    ...(budget && { budget: { ...budget } }),
    flops,
    ...whole,
    arms: arms.map(({ tried, edges, ...chosen }, i) => ({
      ...chosen,
      tried: tried.map(({ scores, ...point }) => ({ ...point, ...(scores && { scores: [...scores] }) })),
      edges: [...edges],
      ...(trials[i]!.length > 0 && { cost: searchCost(trials[i]!, withStarts, artifacts) }),
    })),
  }
}
