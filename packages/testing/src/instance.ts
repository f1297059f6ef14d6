/** Makes the instance of a plugin without a lab: no model is there, as figures and logits are given by the law. */
import type { PluginKind, Use } from "@winnow/core"
import { Effect } from "effect"

/**
 * The instance of a plugin's use, its options checked.
 *
 * @error InvalidInput when the options are not valid
 */
export const instanceOf = <Instance>(use: Use<PluginKind, Instance>): Promise<Instance> =>
  Effect.runPromise(use.instance)
