/** The cost of a draft: its own training, its reference's, its caches, and all together. */
import { type } from "arktype"
import type { Measured } from "../graph.ts"
import type { Trial } from "../judge.ts"
import { paidFor } from "../paid.ts"
import { inOrder, ownFlops, type Stage, shardedSignals } from "../stage.ts"
import type { Artifact } from "../store/store.ts"
import type { Budget, RowRecord, RunRecord, SearchCost, TotalBudget } from "./schema.ts"

/** The numbers of an artifact's summary. */
export const numbers = (artifact: Artifact) => artifact.manifest.summary as Readonly<Record<string, number>>

/** One pass over the training split of an artifact of data or text. */
const passOfText = ({ manifest }: Artifact): Pass => {
  const { examples, trained } = manifest.summary["train"] as { readonly examples: number; readonly trained: number }
  return { sequences: examples, trained }
}

/** A pass over the text that a stage reads. */
interface Pass {
  /** Examples of the pass; null where an earlier version did not count them. */
  readonly sequences: number | null
  readonly trained: number
}

/** The settings of a training stage that determine its passes. */
const trainingSettings = type({
  config: {
    steps: "number",
    batchSize: "number",
    microBatches: "number",
    "objective?": "object",
    "ownText?": "object",
  },
})

/**
 * Passes of a training. The rows of an objective, and of text that the draft writes, differ at each pass, so that these
 * passes are counted by examples.
 */
const passesOf = ({ manifest }: Artifact, { sequences, trained }: Pass, tokensValid: number): number | null => {
  const settings = trainingSettings(manifest.made)
  if (settings instanceof type.errors) return tokensValid / trained
  const { steps, batchSize, microBatches, objective, ownText } = settings.config
  if (objective === undefined && ownText === undefined) return tokensValid / trained
  return sequences === null ? null : (steps * batchSize * microBatches) / sequences
}

/** @param pass over the text that the stage reads; null where that is not the arms' text */
const budgetOf = (artifact: Artifact, pass: Pass | null): Budget => {
  // A start that was not trained here has no such numbers.
  const summary = numbers(artifact)
  const { steps = 0, tokensSeen = 0, tokensValid = 0, tokensTrained = 0, flops = 0, seconds = 0 } = summary
  const { trainedParameters, positions, tokensWritten } = summary
  return {
    steps,
    tokensSeen,
    ...(positions !== undefined && { positions }),
    tokensValid,
    tokensTrained,
    ...(tokensWritten !== undefined && { tokensWritten }),
    passes: pass === null ? null : passesOf(artifact, pass, tokensValid),
    flops,
    seconds,
    ...(trainedParameters !== undefined && { trainedParameters }),
  }
}

const isCache = ({ kind }: Stage): boolean => kind === "signals" || kind === shardedSignals

/** Seconds that an artifact took; of a cache in shards those of the shards. */
const secondsTaken = ({ manifest }: Artifact): number =>
  manifest.stage === shardedSignals ? (manifest.summary["seconds"] as number) : manifest.seconds

/** FLOPs and tokens of caches of signals and of written texts. A mixture of texts costs nothing. */
const totalOfOther = (artifact: Artifact): TotalBudget => {
  const { tokens = 0, flops = 0 } = numbers(artifact)
  return { steps: 0, tokensSeen: tokens, tokensTrained: 0, flops, seconds: secondsTaken(artifact) }
}

const cacheOf = ({ label, key }: Stage, artifact: Artifact) => {
  const { tokens, bytes, flops } = numbers(artifact)
  return { label, key, tokens: tokens!, bytes: bytes!, flops: flops!, seconds: secondsTaken(artifact) }
}

const add = (a: TotalBudget, b: TotalBudget): TotalBudget => ({
  steps: a.steps + b.steps,
  tokensSeen: a.tokensSeen + b.tokensSeen,
  tokensTrained: a.tokensTrained + b.tokensTrained,
  flops: a.flops + b.flops,
  seconds: a.seconds + b.seconds,
})

const totalOf = ({
  steps,
  tokensSeen,
  tokensTrained,
  flops,
  seconds,
}: Omit<Budget, "passes" | "positions" | "trainedParameters" | "tokensWritten">): TotalBudget => ({
  steps,
  tokensSeen,
  tokensTrained,
  flops,
  seconds,
})

/**
 * The cost of a draft under its seed.
 *
 * The total is that of the draft alone: a reference, a cache or a written text that arms share counts in full for each.
 * The target counts for none, as all have it. So does the training of the start, unless `withStarts`; the start's row has
 * its own steps.
 *
 * @param withStarts if arms of the run begin with different models
 */
export const costsOf = (
  { seed, trained, start, reference }: Measured,
  artifactOf: (stage: Stage) => Artifact,
  withStarts: boolean,
): RowRecord["budget"][number] => {
  const passOf = ({ inputs }: Stage): Pass | null => {
    const selection = inputs.find(({ kind }) => kind === "selection")
    if (selection) {
      const { sequences = null, trained } = numbers(artifactOf(selection)) as { trained: number; sequences?: number }
      return { sequences, trained }
    }
    const text = inputs.find(({ kind }) => kind === "data" || kind === "text")
    return text ? passOfText(artifactOf(text)) : null
  }
  const trainings = new Map([trained, ...paidFor(trained, withStarts)].map((stage) => [stage.key, stage]))
  const caches = [...trainings.values()].filter(isCache).map((stage) => cacheOf(stage, artifactOf(stage)))
  const isOther = (stage: Stage) => isCache(stage) || stage.kind === "text" || stage.kind === "selection"
  const all = [...trainings.values()]
  const totals = [
    ...all.filter((stage) => !isOther(stage)).map((stage) => totalOf(budgetOf(artifactOf(stage), null))),
    ...all.filter(isOther).map((stage) => totalOfOther(artifactOf(stage))),
  ]
  return {
    seed,
    arm: budgetOf(artifactOf(trained), passOf(trained)),
    reference: reference ? budgetOf(artifactOf(reference), passOf(reference)) : null,
    ...(withStarts && start && { start: budgetOf(artifactOf(start), passOf(start)) }),
    signals: caches,
    total: totals.reduce(add),
  }
}

/**
 * The cost of trials, each training and cache once: trainings, their FLOPs as estimated before they ran, and the seconds of
 * all that they needed, scores included. A training that goes on from another one counts its own steps.
 */
export const searchCost = (
  trials: ReadonlyArray<Pick<Trial, "trained" | "judged">>,
  withStarts: boolean,
  artifacts: ReadonlyMap<string, Artifact>,
): SearchCost => {
  const paid = new Map(
    trials.flatMap(({ trained }) => paidFor(trained, withStarts).map((stage) => [stage.key, stage] as const)),
  )
  const secondsOf = (stage: Stage | undefined) => {
    const artifact = stage && artifacts.get(stage.key)
    return artifact === undefined ? 0 : secondsTaken(artifact)
  }
  const all = new Map([...paid, ...trials.map(({ judged }) => [judged.key, judged] as const)])
  return {
    trials: new Set(trials.map(({ trained }) => trained.key)).size,
    flops: [...paid.values()].reduce((sum, stage) => sum + ownFlops(stage), 0),
    seconds: [...all.values()].reduce(
      (sum, stage) => sum + Math.max(0, secondsOf(stage) - secondsOf(stage.continues)),
      0,
    ),
  }
}

/** A commit as manifests write it, beside other fields. */
const madeAt = type({ commit: { hash: "string", dirty: "boolean", "sources?": "string" } })

/** The stages with an artifact, as the run's record lists them: the maker and the code of each. */
export const stagesOf = (leaves: ReadonlyArray<Stage>, artifacts: ReadonlyMap<string, Artifact>): RunRecord["stages"] =>
  inOrder(leaves).flatMap(({ kind, label, key }) => {
    const artifact = artifacts.get(key)
    if (artifact === undefined) return []
    const { manifest, reused } = artifact
    const at = madeAt(manifest.versions)
    const commit = at instanceof type.errors ? null : at.commit
    const code = (manifest.made as Readonly<Record<string, unknown>>)["code"] ?? null
    return [{ kind, label, key, created: manifest.created, seconds: manifest.seconds, reused, commit, code }]
  })
