/** run.json: everything that a run found and was made of, in one schema. */
import type { DataError, InvalidInput } from "@winnow/core"
import { sha256 } from "@winnow/files"
import { Effect } from "effect"
import { plain } from "../experiment/plain-json.ts"
import type { Resolved } from "../experiment/resolved.ts"
import { describeStart } from "../experiment/start.ts"
import { datasetName, type Graph, type Measured } from "../graph.ts"
import { readKept } from "../stages/kept.ts"
import { type Figures, readFigures } from "../stages/measure.ts"
import { readRollouts } from "../stages/rollouts.ts"
import { intervalText } from "../statistics/interval-text.ts"
import type { Artifact } from "../store/store.ts"
import { conclusions, verdict } from "./conclusions.ts"
import { costsOf, numbers, searchFlops, stagesOf } from "./costs.ts"
import { countsFile, countsText } from "./counts.ts"
import type { MissingRecord } from "./header.ts"
import { machine } from "./machine.ts"
import { furtherMeasures } from "./measures.ts"
import { runName } from "./name.ts"
import { differencesOf, keptFigures, rowFigures } from "./rows.ts"
import { type KeptTexts, samplesOf } from "./samples.ts"
import { type CapacityRecord, currentSchema, type RowRecord, type RunRecord } from "./schema.ts"
import { weightsOfRun } from "./weights.ts"

/** The code that a run began with, read before its first stage: the checkout may change while it runs. */
export type MadeBy = Pick<RunRecord, "commit" | "versions">

/** A record, and the file of raw counts that its figures follow from. */
export interface Made {
  readonly record: RunRecord
  /** The text of counts.json, whose SHA-256 the record holds. */
  readonly counts: string
}

/** The experiment and the part of it that a run is of; part and preset where it has several. */
export interface RunOf {
  readonly slug: string
  readonly part?: string | null
  readonly preset?: string | null
}

/** The measurements and kept tokens of one draft over its seeds, as far as they are there. */
interface Found {
  readonly name: string
  readonly measured: ReadonlyArray<Measured>
  readonly figures: ReadonlyMap<number, Figures>
  readonly kept: ReadonlyMap<number, KeptTexts>
}

/** The measurements that there are, by name, in the experiment's order; a name without any is left out. */
const readMeasured = (
  graph: Graph,
  artifacts: ReadonlyMap<string, Artifact>,
): Effect.Effect<ReadonlyArray<Found>, DataError> =>
  Effect.gen(function* () {
    const there = graph.measured.filter(({ measure }) => artifacts.has(measure.key))
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
 * The first arm is the baseline. A draft that is missing under a seed has no figure of it: its row has fewer seeds, and is
 * compared on those that the other has too.
 *
 * @param missing what failed, and why: written down as it is
 */
export const makeRecord = (
  { slug, part = null, preset = null }: RunOf,
  resolved: Resolved,
  graph: Graph,
  artifacts: ReadonlyMap<string, Artifact>,
  missing: ReadonlyArray<MissingRecord>,
  madeBy: MadeBy,
): Effect.Effect<Made, DataError | InvalidInput> =>
  Effect.gen(function* () {
    const { measure, arms, seeds, sweep } = graph.settled
    const artifactOf = ({ key }: { readonly key: string }) => artifacts.get(key)!
    const baseline = arms[0]!.name
    const found = (yield* readMeasured(graph, artifacts)).map((of) => ({
      ...of,
      samples: samplesOf(of.figures, measure.gamma),
    }))
    const ofBaseline = found.find(({ name }) => name === baseline)?.figures ?? new Map<number, Figures>()

    // As they were settled: a search may have chosen an option.
    const plugins = yield* Effect.forEach(arms, ({ name, filter, loss }) =>
      Effect.all([Effect.succeed(name), Effect.all({ filter: plain(filter), loss: plain(loss) })] as const),
    )
    const pluginsOf = new Map(plugins)
    const rows = found.map(({ name, measured, figures, kept, samples }): RowRecord => {
      const arm = arms.find((a) => a.name === name)
      return {
        name,
        role: measured[0]!.role,
        filter: pluginsOf.get(name)?.filter ?? null,
        loss: pluginsOf.get(name)?.loss ?? null,
        reference: arm?.reference?.kind ?? null,
        from: arm ? describeStart(arm.start) : null,
        learningRate: arm?.optimizer.learningRate ?? null,
        budget: measured.map((m) => costsOf(m, artifactOf)),
        ...rowFigures(figures, samples, measure.gamma),
        kept: keptFigures(kept, figures, ofBaseline),
      }
    })

    const splits = artifactOf(graph.data).manifest.summary as Readonly<Record<string, { readonly dropped: number }>>
    const target = artifactOf(graph.target).manifest
    const [greedy, sampled] = [artifactOf(graph.greedy).manifest.summary, artifactOf(graph.sampled).manifest.summary]
    const measures = yield* furtherMeasures(graph, artifacts)
    const counts = countsText(measure.gamma, yield* readRollouts(artifactOf(graph.greedy)), found, measures?.counts)
    const scores = artifactOf(graph.score).manifest.summary
    const record: RunRecord = {
      schema: currentSchema,
      experiment: slug,
      part,
      preset,
      name: resolved.name,
      question: resolved.question,
      run: runName(resolved, graph),
      created: new Date().toISOString(),
      config: resolved.config,
      seeds: [...seeds],
      ...madeBy,
      machine: machine(),
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
      verdict: "",
      rows,
      differences: [...differencesOf(found.filter(({ name }) => arms.some((arm) => arm.name === name)))],
      sweep: sweep && {
        ...sweep,
        over: Object.fromEntries(Object.entries(sweep.over).map(([path, values]) => [path, [...values]])),
        flops: searchFlops(graph),
        arms: sweep.arms.map(({ name, tried, chosen, edges }) => ({
          name,
          tried: tried.map((point) => ({ ...point })),
          chosen,
          edges: [...edges],
        })),
      },
      capacity: capacityOf(rows),
      ...(measures && { tables: [measures.table] }),
      missing: [...missing],
      conclusions: [],
      counts: { file: countsFile, sha256: sha256(counts), bytes: Buffer.byteLength(counts) },
      weights: yield* weightsOfRun(graph, artifacts),
      stages: stagesOf([...graph.trials, ...graph.leaves], artifacts),
    }
    return { record: { ...record, verdict: verdict(record), conclusions: [...conclusions(record)] }, counts }
  })
