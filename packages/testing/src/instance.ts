/** Makes the instance of a plugin without a lab: there is no model, as the law supplies figures and logits. */
import type { PluginKind, Reference, Target, Use } from "@winnow/core"
import { Effect, Layer } from "effect"

/**
 * The instance of a plugin's use, with checked options.
 *
 * @error InvalidInput for options that are not valid
 */
export const instanceOf = <Instance>(use: Use<PluginKind, Instance>): Promise<Instance> =>
  Effect.runPromise(use.instance)

/** The layer of a plugin's own services, an argument of laws if it names any. */
export type OwnLayer<R> = [Exclude<R, Target | Reference>] extends [never]
  ? []
  : [services: Layer.Layer<Exclude<R, Target | Reference>>]

/** Makes a filter or loss with its own services. */
export const readyWith = <A, R>(
  ready: Effect.Effect<A, Error, Exclude<R, Target | Reference>>,
  [services]: OwnLayer<R>,
): Promise<A> => {
  // `OwnLayer` has no layer only if no service is needed.
  const layer = (services ?? Layer.empty) as Layer.Layer<Exclude<R, Target | Reference>>
  return Effect.runPromise(Effect.provide(ready, layer))
}
