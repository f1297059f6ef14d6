/** Makes a filter or loss instance without a lab: no model is there, as statistics and logits are given by the law. */
import type { Use } from "@winnow/core"
import { Effect } from "effect"

/**
 * The instance of a plugin's use, its options checked.
 *
 * @error InvalidInput when the options are not valid
 */
export const instanceOf = <Instance>(use: Use<"filter" | "loss", Instance>): Promise<Instance> =>
  Effect.runPromise(use.instance)
