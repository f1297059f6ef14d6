/** Chooses the arm that a run is about if its author names none: never a control. */
import { isShuffled, type Needing } from "@winnow/core"
import { canonicalJson } from "../store/key.ts"
import type { ResolvedArm } from "./resolved.ts"

const same = (a: unknown, b: unknown): boolean => canonicalJson(a) === canonicalJson(b)

/** True of a control: a shuffled reference, or the bottom order. */
const isTurned = ({ filter, config }: ResolvedArm): boolean =>
  isShuffled(filter) ||
  (config["filter"] as { readonly options: Readonly<Record<string, unknown>> }).options["order"] === "bottom"

const readsTokens = ({ needs }: Needing): boolean => needs.statistics.length > 0

/**
 * The first arm whose filter reads statistics of tokens (so neither all nor a random share) and is not turned around;
 * else the first arm with the baseline's filter and another loss; else none.
 */
export const defaultAbout = (arms: ReadonlyArray<ResolvedArm>): string | undefined => {
  const selective = arms.find(
    (arm) => [arm.filter, ...(arm.examples ? [arm.examples] : [])].some(readsTokens) && !isTurned(arm),
  )
  if (selective !== undefined) return selective.name
  const [baseline, ...others] = arms
  return others.find(
    ({ config }) =>
      same(config["filter"], baseline!.config["filter"]) && !same(config["loss"], baseline!.config["loss"]),
  )?.name
}
