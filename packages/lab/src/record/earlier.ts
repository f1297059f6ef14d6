/** Converts a record with a search for learning rates, as published ones have it, to one with a search for settings. */
import { isNode, type Node } from "../experiment/registry.ts"

const listOf = (value: unknown): ReadonlyArray<Node> => (Array.isArray(value) ? value.filter(isNode) : [])

/** A search for learning rates, by greedy acceptance, as a search for settings. */
const sweepOf = ({ learningRates, arms, ...rest }: Node): Node => {
  const set = (rate: unknown) => ({ "optimizer.learningRate": rate })
  return {
    ...rest,
    by: "greedyAcceptance",
    better: "higher",
    over: set(learningRates),
    arms: listOf(arms).map(({ name, tried, chosen, atEdge }) => ({
      name,
      tried: listOf(tried).map(({ learningRate, greedyAcceptance }) => ({
        name: `rate ${learningRate}`,
        set: set(learningRate),
        score: greedyAcceptance,
      })),
      chosen: set(chosen),
      edges: atEdge === true ? ["optimizer.learningRate"] : [],
    })),
  }
}

/** A record in the form of this version; one of this form stays as it is. */
export const inCurrentForm = (json: unknown): unknown => {
  if (!isNode(json) || Object.hasOwn(json, "sweep")) return json
  const { tuning, ...record } = json
  return { ...record, sweep: isNode(tuning) ? sweepOf(tuning) : null }
}
