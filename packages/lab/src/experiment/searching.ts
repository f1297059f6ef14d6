/** The conditions under which the validation split chooses among trained models. */
import type { MeasureUse } from "@winnow/core"
import { armsBefore } from "./places.ts"
import type { Resolved } from "./resolved.ts"
import { type SweepMeasure, seedsOf } from "./sweep.ts"

/** The conditions of a choice among trained models: those of the search, or of a search without a grid. */
export interface Searching {
  readonly by: SweepMeasure | MeasureUse
  readonly seeds: ReadonlyArray<number>
  readonly prompts: number
}

/** The least seed that no measured draft has. */
const freeSeed = (seeds: ReadonlyArray<number>): number => {
  let seed = 0
  while (seeds.includes(seed)) seed++
  return seed
}

/** The conditions of an experiment's choices. */
export const searchingOf = ({
  sweep,
  primary,
  seeds,
  measure,
}: Pick<Resolved, "sweep" | "primary" | "seeds" | "measure">): Searching =>
  sweep
    ? { by: sweep.by, seeds: seedsOf(sweep), prompts: sweep.prompts }
    : { by: `${primary}Acceptance`, seeds: [freeSeed(seeds)], prompts: measure.prompts }

/** True if trained models are chosen: settings of a training, or an arm to begin with. */
export const searches = ({ sweep, arms }: Pick<Resolved, "sweep" | "arms">): boolean =>
  sweep !== undefined || arms.some((arm) => armsBefore(arm).length > 1)

/** The setting that has the number of prompts that choose. */
export const promptsAt = ({ sweep }: Pick<Resolved, "sweep">): string =>
  sweep === undefined ? "measure.prompts" : "sweep.prompts"
