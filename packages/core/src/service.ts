/**
 * A service that filters and losses need by name, such as a judge. It is a plugin, so it has options, files and a name
 * in settings like any other.
 */
import type { Type } from "arktype"
import { type Context, Effect, type Layer } from "effect"
import { kindOf } from "./contract/brief.ts"
import { checkDefinition } from "./contract/definition.ts"
import type { DataError, InvalidInput } from "./errors.ts"
import type { AnyService } from "./needs.ts"
import { definePlugin, type Plugin, type UseWith } from "./plugin.ts"
import type { Datasets } from "./task.ts"

/** The layer of a service, with any provided services. */
export type ServiceLayer<P = never> = Layer.Layer<P, InvalidInput | DataError, Datasets>

/** A service with its options. P names the provided services. */
export type ServiceUse<P = unknown> = UseWith<
  "service",
  ServiceLayer,
  never,
  never,
  {
    readonly provides: ReadonlyArray<Context.Key<P, unknown>>
    /** FLOPs that it spends on a text of so many tokens, once for each text. */
    readonly textFlops: Effect.Effect<TextFlops, InvalidInput>
  }
>

/** FLOPs for a text of so many tokens. */
export type TextFlops = (length: number) => number

const isKey = (value: unknown): boolean =>
  (typeof value === "function" || typeof value === "object") && value !== null && "key" in value

/**
 * Defines a service.
 *
 * @param spec.provides the `Context.Service`s of its layer: filters and losses name them under `services`
 * @param spec.make makes the layer from valid options; the layer may acquire resources of its scope, and read files by
 * `Datasets`
 * @param spec.flops FLOPs that the service spends on a text of so many tokens, once for each text that it is asked
 * about: they are in the cost of the arms that need it. Left out: none, as of a table
 */
export const defineService = <const O extends Type, const P extends AnyService>(spec: {
  readonly name: string
  /** `import.meta.url` of the module that the plugin belongs to, if another module defines it; rarely needed. */
  readonly from?: string
  readonly provides: ReadonlyArray<P>
  readonly options: O
  readonly make: (options: O["infer"]) => ServiceLayer<P["Identifier"]>
  readonly flops?: (options: O["infer"]) => TextFlops
}): Plugin<O, ServiceUse<P["Identifier"]>> => {
  checkDefinition("service", spec, {
    provides: (value) =>
      Array.isArray(value) && value.length > 0 && value.every(isKey)
        ? undefined
        : `is ${kindOf(value)}; expected a list of services, such as [Judge]`,
    flops: (value) =>
      value === undefined || typeof value === "function"
        ? undefined
        : `is ${kindOf(value)}; expected a function of the options that gives FLOPs by a text's length`,
  })
  return definePlugin({
    kind: "service",
    name: spec.name,
    options: spec.options,
    from: spec.from,
    // A key of P is a key of an identifier in P; TypeScript does not see it for a generic P.
    more: (_, decoded) => ({
      provides: spec.provides as unknown as ReadonlyArray<Context.Key<P["Identifier"], unknown>>,
      textFlops: Effect.map(decoded, (options): TextFlops => spec.flops?.(options as O["infer"]) ?? (() => 0)),
    }),
    make: (options) => Effect.sync((): ServiceLayer => spec.make(options)),
  })
}
