/**
 * A score rates a model, before any training, as the start of a draft: one number, no gradient.
 *
 * Letters: N scored tokens, d hidden size.
 */
import type { Rng } from "@winnow/numerics"
import type { Type } from "arktype"
import { Effect } from "effect"
import { kindOf } from "./contract/brief.ts"
import { checkDefinition, namesAmong } from "./contract/definition.ts"
import { guarded, PluginFault } from "./contract/fault.ts"
import { definePlugin, type Plugin, type Use } from "./plugin.ts"

/** Figures of a model on the scored tokens; a score names the ones that it reads. */
export interface ScoreFigures {
  /** The hidden states that predict the tokens, after the final norm, N x d row-major. */
  readonly h_Nd: Float32Array
  /** -log q(gold), nats. */
  readonly loss_N: Float32Array
  /** Entropy of q, nats. */
  readonly entropy_N: Float32Array
}
export type ScoreFigure = keyof ScoreFigures
export const scoreFigures: ReadonlyArray<ScoreFigure> = ["h_Nd", "loss_N", "entropy_N"]

/** The common part of every score's input. */
export interface ScoreContext {
  /** Scored tokens; at least 2. */
  readonly N: number
  readonly d: number
  /** The gold token's id: the label of the hidden states. */
  readonly gold_N: Int32Array
  /** The index of each token's text. */
  readonly sequence_N: Int32Array
  /** Seeded by the run's seed: the same run gives the same score. */
  readonly rng: Rng
}

/** A score with its options fixed. */
export interface ScoreInstance {
  readonly name: string
  readonly needs: ReadonlyArray<ScoreFigure>
  /** The better end: "higher" means that a higher score predicts the better draft. */
  readonly better: "higher" | "lower"
  /** "nats", "%"; "" for a plain number. */
  readonly unit: string
  readonly of: (input: ScoreFigures & ScoreContext) => number
}

export type ScoreUse = Use<"score", ScoreInstance>

/**
 * Defines a score.
 *
 * @param spec.needs the figures that the function reads; only these are computed, and its input has no others
 * @param spec.make makes from valid options the function, which returns a finite number
 */
export const defineScore = <const O extends Type, const F extends ScoreFigure>(spec: {
  readonly name: string
  /** `import.meta.url` of the module that the plugin belongs to, if another module defines it; rarely needed. */
  readonly from?: string
  readonly needs: ReadonlyArray<F>
  readonly better: "higher" | "lower"
  readonly unit?: string
  readonly options: O
  readonly make: (options: O["infer"]) => (input: Pick<ScoreFigures, F> & ScoreContext) => number
}): Plugin<O, ScoreUse> => {
  const place = checkDefinition("score", spec, {
    needs: namesAmong("figure of a score", scoreFigures),
    better: (value) =>
      value === "higher" || value === "lower" ? undefined : `is ${kindOf(value)}; expected "higher" or "lower"`,
    unit: (value) =>
      value === undefined || typeof value === "string" ? undefined : `is ${kindOf(value)}; expected text`,
  })
  const plugin = `score ${spec.name}`
  const { name, needs, better, unit = "" } = spec
  return definePlugin({
    kind: "score",
    name,
    options: spec.options,
    from: spec.from,
    more: () => ({}),
    make: (options) =>
      Effect.sync((): ScoreInstance => {
        const score = spec.make(options)
        if (typeof score !== "function")
          throw new PluginFault(plugin, "definition", `make returned ${kindOf(score)}; expected a function`, place)
        const of = (input: ScoreFigures & ScoreContext): number => {
          const value: unknown = guarded(plugin, "its function", () => score(input))
          if (typeof value === "number" && Number.isFinite(value)) return value
          throw new PluginFault(plugin, "value", `returned ${kindOf(value)}; expected a finite number`, place)
        }
        return { name, needs, better, unit, of }
      }),
  })
}
