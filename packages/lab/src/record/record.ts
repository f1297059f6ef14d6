/** run.json: everything that a run found and was made of, in one schema. */
import type { DataError } from "@winnow/core"
import type { BlockCounts } from "@winnow/decoding"
import { mbsu } from "@winnow/decoding"
import type { Interval } from "@winnow/numerics"
import { Effect } from "effect"
import type { Resolved } from "../experiment/resolve.ts"
import { datasetName, type Graph, type Measured } from "../graph.ts"
import { inOrder, type Stage } from "../stage.ts"
import { type Figures, readFigures } from "../stages/measure.ts"
import { type Cells, difference, interval, intervalText } from "../statistics.ts"
import { codeVersion } from "../store/code-version.ts"
import { keyOf, shortKey } from "../store/key.ts"
import type { Artifact } from "../store/store.ts"
import { machine } from "./machine.ts"
import type { Budget, RowRecord, RunRecord, SeedFigures } from "./schema.ts"

const numbers = (artifact: Artifact) => artifact.manifest.summary as Readonly<Record<string, number>>

const budgetOf = (artifact: Artifact): Budget => {
  const { steps, tokensSeen, tokensValid, tokensTrained, flops, seconds } = numbers(artifact)
  return {
    steps: steps!,
    tokensSeen: tokensSeen!,
    tokensValid: tokensValid!,
    tokensTrained: tokensTrained!,
    flops: flops!,
    seconds: seconds!,
  }
}

const cacheOf = ({ label, key }: Stage, { manifest }: Artifact) => {
  const { tokens, bytes, flops } = manifest.summary as Readonly<Record<string, number>>
  return { label, key, tokens: tokens!, bytes: bytes!, flops: flops!, seconds: manifest.seconds }
}

/** Accepted over tested, and emitted over blocks, of one prompt. */
const accepted = ({ accepted, rejected }: BlockCounts) => [accepted, accepted + rejected] as const
const efficiency = ({ emitted, blocks }: BlockCounts) => [emitted, blocks] as const

const seedFigures = ({ seed }: Measured, figures: Figures, gamma: number): SeedFigures => {
  const at = figures.lengths.find((l) => l.gamma === gamma)!
  const { speedup } = figures
  return {
    seed,
    greedyAcceptance: at.greedy.acceptance?.pooled ?? null,
    sampledAcceptance: at.sampled.acceptance?.pooled ?? null,
    expectedAcceptance: at.sampled.expectedAcceptance?.pooled ?? null,
    byGamma: figures.lengths.map(({ gamma, greedy, sampled }) => ({
      gamma,
      greedyAcceptance: greedy.acceptance?.pooled ?? null,
      greedyTau: greedy.blockEfficiency?.pooled ?? null,
      sampledTau: sampled.blockEfficiency?.pooled ?? null,
      testedTokens: greedy.testedTokens,
    })),
    speedup: speedup?.speedup ?? null,
    timing: speedup && {
      prompts: speedup.prompts,
      speedupByRound: [...speedup.byRound],
      tokensPerSecond: speedup.tokensPerSecond,
      secondsPerCall: speedup.seconds,
      predicted: speedup.predicted,
      identical: speedup.identity?.identical ?? null,
      differences: speedup.identity?.differences.map(({ margin }) => ({ margin })) ?? null,
    },
  }
}

const meanOf = (values: ReadonlyArray<number | null>): number | null => {
  const found = values.filter((v) => v !== null)
  return found.length === 0 ? null : found.reduce((a, b) => a + b, 0) / found.length
}

const rangeOf = (values: ReadonlyArray<number>) =>
  values.length === 0 ? null : { low: Math.min(...values), high: Math.max(...values) }

const finite = ({ value, low, high }: Interval) => ({
  value: Number.isFinite(value) ? value : null,
  low: Number.isFinite(low) ? low : null,
  high: Number.isFinite(high) ? high : null,
})

/** The code that a run began with, read before its first stage: the checkout may change while it runs. */
export type MadeBy = Pick<RunRecord, "commit" | "versions">

/**
 * Gathers the record of a run from its artifacts.
 *
 * The first arm is the baseline: the others' acceptance is also given as a difference to it, paired by seed and prompt.
 */
export const makeRecord = (
  slug: string,
  resolved: Resolved,
  graph: Graph,
  artifacts: ReadonlyMap<string, Artifact>,
  madeBy: MadeBy,
): Effect.Effect<RunRecord, DataError> =>
  Effect.gen(function* () {
    const { measure, arms, seeds } = resolved
    const artifactOf = (stage: { key: string }) => artifacts.get(stage.key)!
    const figures = new Map<string, Figures>()
    for (const { measure } of graph.measured) figures.set(measure.key, yield* readFigures(artifactOf(measure)))

    const names = [...new Set(graph.measured.map(({ name }) => name))]
    const rowsOf = (name: string) => graph.measured.filter((m) => m.name === name)
    const cells = (name: string, of: (f: Figures) => Cells[number]): Cells =>
      rowsOf(name).map((m) => of(figures.get(m.measure.key)!))
    const length = (f: Figures, gamma: number) => f.lengths.find((l) => l.gamma === gamma)!
    const acceptance = (name: string) => cells(name, (f) => length(f, measure.gamma).greedyCounts.map(accepted))
    const baseline = arms[0]!.name

    const rows = names.map((name): RowRecord => {
      const measured = rowsOf(name)
      const arm = arms.find((a) => a.name === name)
      const perSeed = measured.map((m) => seedFigures(m, figures.get(m.measure.key)!, measure.gamma))
      const ratio = figures.get(measured[0]!.measure.key)!.parameterRatio
      const tau = interval(cells(name, (f) => length(f, measure.gamma).greedyCounts.map(efficiency)))
      return {
        name,
        role: measured[0]!.role,
        filter: (arm?.config["filter"] as RowRecord["filter"]) ?? null,
        loss: (arm?.config["loss"] as RowRecord["loss"]) ?? null,
        reference: arm?.reference?.kind ?? null,
        budget: measured.map((m) => ({
          seed: m.seed,
          arm: budgetOf(artifactOf(m.trained)),
          reference: m.reference ? budgetOf(artifactOf(m.reference)) : null,
          ...(m.signals.length > 0 && { signals: m.signals.map((s) => cacheOf(s, artifactOf(s))) }),
        })),
        seeds: perSeed,
        greedyAcceptance: finite(interval(acceptance(name))),
        expectedAcceptance: finite(interval(cells(name, (f) => f.overlap))),
        tau: finite(tau),
        mbsu: mbsu(tau.value, measure.gamma, ratio),
        speedup: meanOf(perSeed.map(({ speedup }) => speedup)),
        speedupRange: rangeOf(perSeed.flatMap(({ timing }) => timing?.speedupByRound ?? [])),
        differenceFromBaseline:
          name === baseline || !arm ? null : finite(difference(acceptance(name), acceptance(baseline))),
      }
    })

    const splits = artifactOf(graph.data).manifest.summary as Readonly<Record<string, { readonly dropped: number }>>
    const target = artifactOf(graph.target).manifest
    const [greedy, sampled] = [artifactOf(graph.greedy).manifest.summary, artifactOf(graph.sampled).manifest.summary]
    const stages = inOrder(graph.leaves).map(({ kind, label, key }) => {
      const { manifest, reused } = artifacts.get(key)!
      return { kind, label, key, created: manifest.created, seconds: manifest.seconds, reused }
    })
    return {
      schema: 1,
      experiment: slug,
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
        score: greedy["score"] as number | null,
        sampledScore: sampled["score"] as number | null,
        seconds: target.seconds,
        sample: greedy["sample"] as RunRecord["target"]["sample"],
      },
      draftParameters: numbers(artifactOf(graph.measured[0]!.trained))["parameters"]!,
      baseline,
      rows,
      stages,
    }
  })

/**
 * A run's name: of all that its record says and follows from, so that the same run again has the same name.
 *
 * Keys of stages alone will not do: they hold neither the names of arms nor the question, and the figures of a record
 * are also of the lab's own statistics and budgets.
 */
export const runName = (
  { name, question, config, arms }: Pick<Resolved, "name" | "question" | "config" | "arms">,
  { leaves }: Pick<Graph, "leaves">,
): string =>
  shortKey(
    keyOf({
      name,
      question,
      config,
      // Their order, which a key leaves out: the first is the baseline.
      arms: arms.map((arm) => arm.name),
      stages: leaves.map(({ key }) => key),
      code: codeVersion(["numerics", "lab"]),
    }),
  )
