/**
 * A score rates a model, before any training, as the start of a draft: one number, no gradient.
 *
 * Letters: N states, d hidden size, C classes, M scored tokens.
 */
import type { Rng } from "@winnow/numerics"
import type { Type } from "arktype"
import { Effect } from "effect"
import { kindOf } from "./contract/brief.ts"
import { checkDefinition, namesAmong } from "./contract/definition.ts"
import { guarded, PluginFault } from "./contract/fault.ts"
import { strict } from "./contract/strict.ts"
import { definePlugin, type Plugin, type UseWith } from "./plugin.ts"

/** Figures of a model; a score names the ones that it reads. */
export interface ScoreFigures {
  /**
   * Hidden states after one layer, N x d row-major: those after the last layer have passed the final norm. A score that
   * reads them is called once for each layer.
   */
  readonly h_Nd: Float32Array
  /**
   * sum_v min(p_v, q_v) at each state of one layer, 0 to 1: q is the model's prediction if this layer were its last one,
   * by its own final norm and vocabulary head, p its prediction. Once for each layer, as the states.
   */
  readonly lensAcceptance_N: Float32Array
  /** 1 where the most probable tokens of this q and p are the same, else 0. Once for each layer. */
  readonly lensAgreement_N: Float32Array
  /** -log q(gold) of each scored token, nats. */
  readonly loss_M: Float32Array
  /** Entropy of q at each scored token, nats. */
  readonly entropy_M: Float32Array
  /** sum_v min(p_v, q_v) at each scored token, 0 to 1: the chance that the target accepts the model's sample. */
  readonly acceptance_M: Float32Array
  /** Number of the model's parameters. */
  readonly parameters: number
}
export type ScoreFigure = keyof ScoreFigures
export const scoreFigures: ReadonlyArray<ScoreFigure> = [
  "h_Nd",
  "lensAcceptance_N",
  "lensAgreement_N",
  "loss_M",
  "entropy_M",
  "acceptance_M",
  "parameters",
]

/** True for the figures of one layer's states. */
export const isOfLayer = (figure: ScoreFigure): boolean => figure === "h_Nd" || figure.endsWith("_N")

/** The common part of every score's input. */
export interface ScoreContext {
  /** States; at least 2. */
  readonly N: number
  readonly d: number
  /** Classes; each has a state at least. */
  readonly C: number
  /** The class of each state, 0 to C - 1. */
  readonly class_N: Int32Array
  /** The index of each state's text; a class has at most one state of a text. */
  readonly sequence_N: Int32Array
  /** Scored tokens; at least 1. */
  readonly M: number
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
  /** The least number of states a class that it can read: a class of fewer counts for nothing. */
  readonly least: number
  /** @param input the figures in `needs`, and the context */
  readonly of: (input: Partial<ScoreFigures> & ScoreContext) => number
}

/** A score with options. `reads` names the figures that it needs. */
export type ScoreUse = UseWith<"score", ScoreInstance, never, never, { readonly reads: ReadonlyArray<ScoreFigure> }>

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
  /** The least number of states a class that it can read, from valid options; 1 if left out. */
  readonly least?: (options: O["infer"]) => number
  readonly options: O
  readonly make: (options: O["infer"]) => (input: Pick<ScoreFigures, F> & ScoreContext) => number
}): Plugin<O, ScoreUse> => {
  const place = checkDefinition("score", spec, {
    needs: namesAmong("figure of a score", scoreFigures),
    better: (value) =>
      value === "higher" || value === "lower" ? undefined : `is ${kindOf(value)}; expected "higher" or "lower"`,
    unit: (value) =>
      value === undefined || typeof value === "string" ? undefined : `is ${kindOf(value)}; expected text`,
    least: (value) =>
      value === undefined || typeof value === "function" ? undefined : `is ${kindOf(value)}; expected a function`,
  })
  const plugin = `score ${spec.name}`
  const { name, needs, better, unit = "" } = spec
  const inputOf = strict((field) => {
    const names = ["N", "d", "C", "class_N", "sequence_N", "M", "rng", ...needs].join(", ")
    return new PluginFault(plugin, "needs", `reads ${field}, which its needs do not list; it is given ${names}`, place)
  })
  return definePlugin({
    kind: "score",
    name,
    options: spec.options,
    from: spec.from,
    more: () => ({ reads: spec.needs }),
    make: (options) =>
      Effect.sync((): ScoreInstance => {
        const score = spec.make(options)
        if (typeof score !== "function")
          throw new PluginFault(plugin, "definition", `make returned ${kindOf(score)}; expected a function`, place)
        const of: ScoreInstance["of"] = (whole) => {
          const { N, d, C, class_N, sequence_N, M, rng } = whole
          const figures = Object.fromEntries(needs.map((figure) => [figure, whole[figure]]))
          const input = inputOf({ N, d, C, class_N, sequence_N, M, rng, ...figures })
          const value: unknown = guarded(plugin, "its function", () => score(input as never)) // `input` has the figures in `needs`.
          if (typeof value === "number" && Number.isFinite(value)) return value
          throw new PluginFault(plugin, "value", `returned ${kindOf(value)}; expected a finite number`, place)
        }
        return { name, needs, better, unit, least: spec.least?.(options) ?? 1, of }
      }),
  })
}
