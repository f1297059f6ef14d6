/**
 * Needs of filters and losses, from one table: data for the lab's plans, and types for the compiler.
 *
 * A statistic names the frozen models that it reads, a model has a service, and a plugin may name services of its own.
 */
import { type Context, Effect, Layer } from "effect"
import { InvalidInput } from "./errors.ts"
import { Reference, Target } from "./frozen.ts"
import { type ReadsOf, readsModel, type Statistic } from "./statistics/index.ts"

/** The services that provide frozen models. */
export const modelServices = { target: Target, reference: Reference } as const

/** A frozen model by its name in experiments. */
export type ModelName = keyof typeof modelServices

/** The available frozen models, by name. */
export type FrozenModels = { readonly [M in ModelName]?: (typeof modelServices)[M]["Service"] }

/** The service of each model of a set. */
export type ServiceOfModel<M extends ModelName> = (typeof modelServices)[M]["Identifier"]

/** The services behind statistics: they are in a plugin's type, so that a missing one does not compile. */
export type ServicesRead<S extends Statistic> =
  | ("target" extends ReadsOf<S> ? Target : never)
  | ("reference" extends ReadsOf<S> ? Reference : never)

/** A service of any kind. */
export type AnyService = Context.Key<unknown, unknown>

/** Services that a plugin declares: its function receives each under its name. */
export type OwnServices = Readonly<Record<string, AnyService>>

/** The values of a record of services, in the form that the plugin's function receives. */
export type OwnValues<Own extends OwnServices> = { readonly [K in keyof Own]: Own[K]["Service"] }

/** The identifiers of a record of services. */
export type OwnIdentifiers<Own extends OwnServices> = Own[keyof Own]["Identifier"]

/** Needs of a filter or a loss. R names all services that must be provided when it runs. */
export interface Needs<out R = unknown> {
  /** Numbers of each token. */
  readonly statistics: ReadonlyArray<Statistic>
  /** Frozen models that the statistics and the loss are computed from. */
  readonly models: ReadonlyArray<ModelName>
  readonly own: OwnServices
  /** The services of `models` and `own`. */
  readonly services: ReadonlyArray<Context.Key<R, unknown>>
}

/** A configured plugin with its needs. */
export interface Needing<out R = unknown> {
  readonly kind: string
  readonly name: string
  readonly needs: Needs<R>
}

/** Frozen models that a statistic is computed from, for any loss. */
export const modelsOf = (statistic: Statistic): ReadonlyArray<ModelName> =>
  (["target", "reference"] as const).filter((model) => readsModel(statistic, model))

/** The needs of statistics, further models and services of its own. The callers' types check R. */
export const needsOf = <R>(
  statistics: ReadonlyArray<Statistic>,
  more: ReadonlyArray<ModelName>,
  own: OwnServices,
): Needs<R> => {
  const models = [...new Set([...statistics.flatMap(modelsOf), ...more])]
  const services = [...models.map((name) => modelServices[name]), ...Object.values(own)]
  // R is the union of these services: `ServicesRead` is `modelsOf` in types, `OwnIdentifiers` is `Object.values`.
  return { statistics, models, own, services: services as ReadonlyArray<AnyService> as Needs<R>["services"] }
}

/**
 * The needs of several plugins together.
 *
 * @error InvalidInput (thrown) if two of their own services share a name
 */
export const jointNeeds = <R>(plugins: ReadonlyArray<Needing<R>>): Needs<R> => {
  const each = plugins.map(({ needs }) => needs)
  const own: Record<string, AnyService> = {}
  for (const { kind, name, needs } of plugins)
    for (const [field, service] of Object.entries(needs.own)) {
      const other = own[field]
      if (other !== undefined && other.key !== service.key) {
        const problem = `its service ${field} is ${service.key}, and another filter beside it has ${other.key} by that name; give one another name`
        throw new InvalidInput({ what: `${kind} ${name}`, problems: [problem] })
      }
      own[field] = service
    }
  const statistics = [...new Set(each.flatMap((needs) => needs.statistics))]
  return needsOf(statistics, [...new Set(each.flatMap((needs) => needs.models))], own)
}

/** True if the plugins read that model, or a statistic that is computed from it. */
export const reads = (model: ModelName, ...plugins: ReadonlyArray<Needing>): boolean =>
  plugins.some(({ needs }) => needs.models.includes(model))

type ModelService = Target | Reference

/** The frozen models of some needs, each from its service. */
export const frozenOf = <R>({ models }: Needs<R>): Effect.Effect<FrozenModels, never, Extract<R, ModelService>> => {
  const each = Object.fromEntries(models.map((name) => [name, modelServices[name] as AnyService]))
  // `needsOf` has put the services of these models in R.
  return Effect.all(each) as unknown as Effect.Effect<FrozenModels, never, Extract<R, ModelService>>
}

/** A plugin's services of its own, each from the context. */
export const ownOf = <R>({ own }: Needs<R>) =>
  // `needsOf` has put these services in R.
  Effect.all(own) as Effect.Effect<Readonly<Record<string, unknown>>, never, Exclude<R, ModelService>>

/**
 * A layer with every service that some plugins need; it builds no other service.
 *
 * @param from returns the layer of a service; undefined if there is none
 * @error InvalidInput for a missing service: names the plugin and the service
 */
export const provideNeeds = <A, E, R, E2, R2>(
  layer: Layer.Layer<A, E, R>,
  plugins: ReadonlyArray<Needing<R>>,
  from: (service: AnyService) => Layer.Layer<never, E2, R2> | undefined,
): Layer.Layer<A, E | E2 | InvalidInput, R2> => {
  const layers = new Map<string, Layer.Layer<never, E2, R2>>()
  for (const { kind, name, needs } of plugins)
    for (const service of needs.services) {
      const provided = layers.get(service.key) ?? from(service)
      if (provided === undefined) return Layer.unwrap(Effect.fail(missingService(kind, name, service)))
      layers.set(service.key, provided)
    }
  const [first, ...rest] = layers.values()
  // All needs have been met above.
  const closed = layer as unknown as Layer.Layer<A, E>
  return first === undefined ? closed : closed.pipe(Layer.provide(Layer.mergeAll(first, ...rest)))
}

const missingService = (kind: string, name: string, service: AnyService) =>
  new InvalidInput({ what: `${kind} ${name}`, problems: [`needs the service ${service.key}, and nothing provides it`] })
