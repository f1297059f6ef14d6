/** The services that filters and losses of an experiment need. */
import {
  type AnyService,
  type Datasets,
  InvalidInput,
  type ModelName,
  modelServices,
  type Needing,
  type ServiceUse,
} from "@winnow/core"
import { Layer } from "effect"
import type { StageError } from "../stage.ts"

/** True if a service provides another one. */
const gives = ({ provides }: ServiceUse, service: AnyService): boolean =>
  provides.some(({ key }) => key === service.key)

/** The services that some plugins need, each once, in the order of the experiment. */
export const usedServices = (
  plugins: ReadonlyArray<Needing>,
  services: ReadonlyArray<ServiceUse>,
): ReadonlyArray<ServiceUse> => {
  const own = plugins.flatMap(({ needs }) => Object.values(needs.own))
  return services.filter((use) => own.some((service) => gives(use, service)))
}

/** A layer with the type that `provideNeeds` takes, with any services. */
export type AnyLayer = Layer.Layer<never, StageError, Datasets>

/** The layer of each service that a stage may need: frozen models, and services of the experiment. */
export const layersOf = (
  models: { readonly [M in ModelName]?: AnyLayer | undefined },
  services: ReadonlyArray<ServiceUse>,
): ((service: AnyService) => AnyLayer | undefined) => {
  const own = services.map((use) => [use, Layer.unwrap(use.instance)] as const)
  const names = Object.keys(modelServices) as ReadonlyArray<ModelName>
  return (service) => {
    const model = names.find((name) => modelServices[name].key === service.key)
    return model === undefined ? own.find(([use]) => gives(use, service))?.[1] : models[model]
  }
}

/**
 * Reports services that plugins need and the experiment lacks, and services that it provides twice.
 *
 * @param what the place of the plugins, for the error
 */
export const serviceProblem = (
  what: string,
  plugins: ReadonlyArray<Needing>,
  services: Readonly<Record<string, ServiceUse>>,
): InvalidInput | undefined => {
  for (const { kind, name, needs } of plugins)
    for (const service of Object.values(needs.own)) {
      const providers = Object.entries(services).flatMap(([name, use]) => (gives(use, service) ? [name] : []))
      if (providers.length === 1) continue
      const problem =
        providers.length === 0
          ? `${kind} ${name} needs the service ${service.key}, and none of the experiment's provides it; add one that does to services`
          : `${kind} ${name} needs the service ${service.key}, which services.${providers.join(" and services.")} provide; leave one out`
      return new InvalidInput({ what, problems: [problem] })
    }
  return undefined
}
