/** The arms that a selective arm must be compared to. */
import { type FilterUse, InvalidInput, shuffled } from "@winnow/core"
import { Effect } from "effect"
import type { Arm } from "./experiment/define.ts"
import { artifactOf } from "./experiment/start.ts"

/** The controls of a selective arm, by the names that they have in an experiment. */
export type ControlName =
  | "all-equal-steps"
  | "all-equal-passes"
  | "all-equal-compute"
  | "random"
  | "bottom"
  | "shuffled-reference"
  | "from-reference"

/** The filters of the controls: plugins, which the lab does not import. */
export interface ControlFilters {
  /** Keeps every token: `none()`. */
  readonly all: FilterUse<never>
  /** Keeps as many tokens as the arm, at random: `random({ k })`. */
  readonly random: FilterUse<never>
}

const decoded = (use: FilterUse): Record<string, unknown> => {
  const result = Effect.runSync(Effect.result(use.decoded))
  if (result._tag === "Failure") throw result.failure
  return result.success
}

/**
 * The controls of a selective arm, each a separate arm.
 *
 * - `all-equal-steps`: all tokens, the arm's steps, batches smaller by k: as many tokens in each step's loss. AdaSPEC's
 *   paper compares to this arm (its recipe has batches and passes 1/k times larger for the selective draft).
 * - `all-equal-passes`: the same for 1/k times the steps: as many tokens seen.
 * - `all-equal-compute`: the same for as many steps as cost the FLOPs of the arm, its reference and caches included.
 * - `random`: the arm with a random choice of as many tokens: does the choice matter?
 * - `bottom`: the arm with the opposite order: does the direction matter? For filters with an option `order`.
 * - `shuffled-reference`: the arm with the reference's figures moved to other tokens: does the reference tell tokens
 *   apart?
 * - `from-reference`: all tokens, begun with the trained reference, at the arm's total compute: further training of the
 *   reference.
 *
 * @param name of the arm in its experiment: `all-equal-compute` and `from-reference` refer to it
 * @param arm a filter with an option `k`, and a reference that is trained (the experiment's own if it has none)
 * @error InvalidInput (thrown) for a filter without k, or for steps that are not a number
 * @source AdaSPEC, arXiv 2510.19779, tables 1 to 3 and the released scripts; the controls beyond them are own
 */
export const controls = <Only extends ControlName = ControlName>(
  name: string,
  arm: Arm,
  filters: ControlFilters,
  options: { readonly only?: ReadonlyArray<Only> } = {},
): Readonly<Record<Only, Arm>> => {
  const what = `controls of arm ${name}`
  const { k, order } = decoded(arm.filter as FilterUse)
  const { steps } = arm
  if (typeof k !== "number" || typeof steps !== "number") {
    const problem =
      typeof k === "number"
        ? `its steps are ${JSON.stringify(steps)}; expected a number, which the controls are made equal to`
        : `filter ${arm.filter.name} has no keep ratio k among its options; write its controls out as arms`
    throw new InvalidInput({ what, problems: [problem] })
  }
  const share = decoded(filters.random as FilterUse)["k"]
  if (share !== k) {
    const problem = `filters.random keeps ${String(share)} of the tokens, the arm's filter ${k}; give both one k`
    throw new InvalidInput({ what, problems: [problem] })
  }
  const { reference, lacks: _, ...rest } = arm
  const own = reference === undefined ? {} : { reference }
  const all = { ...rest, filter: filters.all, batchSize: Math.max(1, Math.round(k * arm.batchSize)) }
  const makers: Record<ControlName, (() => Arm) | undefined> = {
    "all-equal-steps": () => all,
    "all-equal-passes": () => ({ ...all, steps: Math.round(steps / k) }),
    "all-equal-compute": () => ({ ...all, steps: { computeOf: name } }),
    random: () => ({ ...rest, filter: filters.random }),
    bottom:
      order === undefined
        ? undefined
        : () => ({ ...arm, filter: arm.filter.withOptions({ ...(arm.filter.options as object), order: "bottom" }) }),
    "shuffled-reference": () => ({ ...arm, filter: shuffled(arm.filter) }),
    "from-reference": () => ({ ...all, ...own, start: artifactOf("reference"), steps: { computeOf: name } }),
  }
  const names = options.only ?? (Object.keys(makers) as ReadonlyArray<string> as ReadonlyArray<Only>)
  const missing = names.filter((control) => options.only && !(Object.hasOwn(makers, control) && makers[control]))
  if (missing.length > 0)
    throw new InvalidInput({ what, problems: [`filter ${arm.filter.name} has no option order, which bottom turns`] })
  return Object.fromEntries(
    names.flatMap((control) => (makers[control] ? [[control, makers[control]()]] : [])),
  ) as never
}
