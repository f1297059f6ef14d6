/** What a draft cost: its own training, its reference's, its caches, and all together. */
import { paidFor } from "../cells.ts"
import type { Graph, Measured } from "../graph.ts"
import { inOrder, type Stage } from "../stage.ts"
import type { Artifact } from "../store/store.ts"
import type { Budget, RowRecord, TotalBudget } from "./schema.ts"

/** The numbers of an artifact's summary. */
export const numbers = (artifact: Artifact) => artifact.manifest.summary as Readonly<Record<string, number>>

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

const cacheOf = ({ label, key }: Stage, artifact: Artifact) => {
  const { tokens, bytes, flops } = numbers(artifact)
  return { label, key, tokens: tokens!, bytes: bytes!, flops: flops!, seconds: artifact.manifest.seconds }
}

const add = (a: TotalBudget, b: TotalBudget): TotalBudget => ({
  steps: a.steps + b.steps,
  tokensSeen: a.tokensSeen + b.tokensSeen,
  tokensTrained: a.tokensTrained + b.tokensTrained,
  flops: a.flops + b.flops,
  seconds: a.seconds + b.seconds,
})

const totalOf = ({ steps, tokensSeen, tokensTrained, flops, seconds }: Budget): TotalBudget => ({
  steps,
  tokensSeen,
  tokensTrained,
  flops,
  seconds,
})

/**
 * The cost of a draft under its seed.
 *
 * The total is of the draft as if nothing else were run: a reference and a cache that arms share count in full for each. The
 * target and the start are given, and count for none; the start's row has its own steps.
 */
export const costsOf = (
  { seed, trained, reference }: Measured,
  artifactOf: (stage: Stage) => Artifact,
): RowRecord["budget"][number] => {
  const trainings = new Map([trained, ...paidFor(trained)].map((stage) => [stage.key, stage]))
  const signals = [...trainings.values()].filter(({ kind }) => kind === "signals")
  const caches = signals.map((stage) => cacheOf(stage, artifactOf(stage)))
  const ofTrainings = [...trainings.values()]
    .filter(({ kind }) => kind !== "signals")
    .map((stage) => totalOf(budgetOf(artifactOf(stage))))
  const ofCaches = caches.map(({ tokens, flops, seconds }) => ({
    steps: 0,
    tokensSeen: tokens,
    tokensTrained: 0,
    flops,
    seconds,
  }))
  return {
    seed,
    arm: budgetOf(artifactOf(trained)),
    reference: reference ? budgetOf(artifactOf(reference)) : null,
    signals: caches,
    total: [...ofTrainings, ...ofCaches].reduce(add),
  }
}

/** What the search for learning rates costs, each training and cache once. */
export const searchFlops = ({ trials }: Pick<Graph, "trials">): number => {
  const trainings = new Map(
    trials.flatMap(({ inputs }) => paidFor(inputs[0]!).map((stage) => [stage.key, stage] as const)),
  )
  return [...trainings.values()].reduce((sum, { work }) => sum + (work.flops ?? 0), 0)
}

/** Stages that a run has an artifact of, as its record lists them. */
export const stagesOf = (leaves: ReadonlyArray<Stage>, artifacts: ReadonlyMap<string, Artifact>) =>
  inOrder(leaves).flatMap(({ kind, label, key }) => {
    const artifact = artifacts.get(key)
    if (artifact === undefined) return []
    const { manifest, reused } = artifact
    return [{ kind, label, key, created: manifest.created, seconds: manifest.seconds, reused }]
  })
