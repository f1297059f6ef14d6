/** run.json of a run that measures acceptance: its findings and their origin, in one schema. */

import type { DataError, InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import type { Resolved } from "../experiment/resolved.ts"
import { datasetName, type Graph, type Measured } from "../graph.ts"
import { readKept } from "../stages/kept.ts"
import { type Figures, readFigures } from "../stages/measure.ts"
import { readRollouts } from "../stages/rollouts.ts"
import { intervalText } from "../statistics/interval-text.ts"
import type { Artifact } from "../store/store.ts"
import { baselineOf } from "./baseline.ts"
import { choicesTables } from "./choices.ts"
import { conclusions, verdict } from "./conclusions.ts"
import { numbers } from "./costs.ts"
import { countsText } from "./counts.ts"
import type { MissingRecord } from "./header.ts"
import { measuredCounts, measuredDrafts, measuresTable } from "./measures.ts"
import { headerOf, type MadeBy, type RunOf, sweepOf, trainedRows } from "./parts.ts"
import { differencesOf, keptFigures, rowFigures } from "./rows.ts"
import { type KeptTexts, samplesOf } from "./samples.ts"
import { type CapacityRecord, currentSchema, type RowRecord, type RunRecord } from "./schema.ts"
import { wordsOf } from "./smoke.ts"
import { stabilityTables } from "./stability.ts"

/** A record, and the file of raw counts behind its figures. */
export interface RecordFiles {
  readonly record: RunRecord
  /** The text of counts.json, whose SHA-256 the record holds. */
  readonly counts: string
}

/** The existing measurements and kept tokens of one draft over its seeds. */
interface Found {
  readonly name: string
  /** At least one. */
  readonly measured: ReadonlyArray<Measured>
  readonly figures: ReadonlyMap<number, Figures>
  readonly kept: ReadonlyMap<number, KeptTexts>
}

/** The existing measurements, by name, in the experiment's order; a name without any is left out. */
const readMeasured = (
  graph: Graph,
  artifacts: ReadonlyMap<string, Artifact>,
): Effect.Effect<ReadonlyArray<Found>, DataError> =>
  Effect.gen(function* () {
    const there = graph.measured.flatMap(({ measure, ...of }) =>
      measure && artifacts.has(measure.key) ? [{ ...of, measure }] : [],
    )
    return yield* Effect.forEach([...new Set(there.map(({ name }) => name))], (name) =>
      Effect.gen(function* () {
        const measured = there.filter((m) => m.name === name)
        const figures = new Map<number, Figures>()
        const kept = new Map<number, KeptTexts>()
        for (const m of measured) {
          figures.set(m.seed, yield* readFigures(artifacts.get(m.measure.key)!))
          const division = m.kept && artifacts.get(m.kept.key)
          if (division) kept.set(m.seed, yield* readKept(division))
        }
        return { name, measured, figures, kept }
      }),
    )
  })

const capacityOf = (rows: ReadonlyArray<RowRecord>): CapacityRecord | null => {
  const points = rows
    .filter(({ role }) => role === "capacity")
    .map(({ name, budget, draftKl, greedyAcceptance }) => ({
      name,
      steps: budget[0]!.arm.steps,
      draftKl,
      greedyAcceptance,
    }))
    .toSorted((a, b) => a.steps - b.steps)
  const [seed] = rows.filter(({ role }) => role === "capacity").map(({ seeds }) => seeds[0]!.seed)
  return seed === undefined ? null : { seed, points }
}

/**
 * Gathers the record of a run, and its counts, from its artifacts.
 *
 * A draft that is missing under a seed has no figure there: its row has fewer seeds, and
 * comparisons use the common seeds.
 *
 * @param rollouts the graph's own
 * @param missing the failures and their reasons, written unchanged
 */
export const makeRecord = (
  of: RunOf,
  resolved: Resolved,
  graph: Graph,
  rollouts: NonNullable<Graph["rollouts"]>,
  artifacts: ReadonlyMap<string, Artifact>,
  missing: ReadonlyArray<MissingRecord>,
  madeBy: MadeBy,
): Effect.Effect<RecordFiles, DataError | InvalidInput> =>
  Effect.gen(function* () {
    const { measure, arms, seeds } = graph.settled
    const artifactOf = ({ key }: { readonly key: string }) => artifacts.get(key)!
    const baseline = baselineOf(graph.settled)
    const found = (yield* readMeasured(graph, artifacts)).map((of) => ({
      ...of,
      samples: samplesOf(of.figures, measure.gamma),
    }))
    const ofBaseline = found.find(({ name }) => name === baseline)?.figures ?? new Map<number, Figures>()
    const trained = new Map((yield* trainedRows(graph, found, artifacts)).map((row) => [row.name, row]))
    const rows = found.map(
      ({ name, figures, kept, samples }): RowRecord => ({
        ...trained.get(name)!,
        ...rowFigures(figures, samples, measure.gamma),
        kept: keptFigures(kept, figures, ofBaseline),
      }),
    )

    const splits = artifactOf(graph.data).manifest.summary as Readonly<Record<string, { readonly dropped: number }>>
    const target = artifactOf(graph.target).manifest
    const [greedy, sampled] = [
      artifactOf(rollouts.greedy).manifest.summary,
      artifactOf(rollouts.sampled).manifest.summary,
    ]
    const further = graph.measures.length === 0 ? undefined : yield* measuredDrafts(graph, artifacts)
    const counts = countsText(
      measure.gamma,
      yield* readRollouts(artifactOf(rollouts.greedy)),
      found,
      further && measuredCounts(further),
    )
    const tables = [
      ...choicesTables(graph.settled),
      ...(further ? [measuresTable("Further measures", graph, further)] : []),
      ...(yield* stabilityTables(graph, artifacts)),
    ]
    const scores = artifactOf(rollouts.score).manifest.summary
    const record: RunRecord = {
      schema: currentSchema,
      ...(yield* headerOf(of, resolved, graph, { artifacts, missing, madeBy, counts })),
      conditions: {
        dataset: datasetName(resolved),
        prompts: measure.prompts,
        dropped: { train: splits["train"]!.dropped, measured: splits[measure.split]!.dropped },
        gamma: measure.gamma,
        gammas: rows[0]!.seeds[0]!.byGamma.map(({ gamma }) => gamma),
        temperature: measure.temperature,
        topK: measure.topK ?? null,
        topP: measure.topP ?? null,
        greedyTokens: greedy["tokens"] as number,
        sampledTokens: sampled["tokens"] as number,
        timedPrompts: measure.timedPrompts,
        interval: intervalText(seeds.length),
      },
      target: {
        parameters: target.summary["parameters"] as number,
        score: scores["greedy"] as number | null,
        sampledScore: scores["sampled"] as number | null,
        seconds: target.seconds,
        sample: greedy["sample"] as RunRecord["target"]["sample"],
      },
      draftParameters: numbers(artifactOf(found[0]!.measured[0]!.trained))["parameters"]!,
      baseline,
      about: resolved.about ?? null,
      primary: resolved.primary,
      rows,
      differences: [
        ...differencesOf(
          found.filter(({ name }) => arms.some((arm) => arm.name === name)),
          { baseline, about: resolved.about ?? null },
        ),
      ],
      sweep: sweepOf(graph, artifacts),
      capacity: capacityOf(rows),
      ...(tables.length > 0 && { tables }),
    }
    const words = { verdict: verdict(record), conclusions: [...conclusions(record)] }
    return { record: { ...record, ...wordsOf(resolved.config, words) }, counts }
  })
