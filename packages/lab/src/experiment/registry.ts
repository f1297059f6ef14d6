/** The plugins that an experiment can name, and values from outside in which they are named. */
import type { AnyUse, PluginKind } from "@winnow/core"
import type { Experiment } from "./define.ts"

/** An object that is no plugin: what has fields. */
export type Node = Readonly<Record<string, unknown>>

export const isUse = (value: unknown): value is AnyUse =>
  typeof value === "object" && value !== null && "withOptions" in value && "decoded" in value

export const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !isUse(value)

/** Plugins by kind and name: those registered, and those in use. */
export type Registry = ReadonlyMap<string, (options: unknown) => AnyUse>

/** The plugins that an experiment can name: its `plugins`, and every plugin it uses. */
export const registryOf = (experiment: Experiment): Registry => {
  const registry = new Map<string, (options: unknown) => AnyUse>()
  const visit = (value: unknown): void => {
    if (isUse(value)) {
      registry.set(`${value.kind} ${value.name}`, value.withOptions)
      visit(value.options)
    } else if (isNode(value)) for (const inner of Object.values(value)) visit(inner)
  }
  const { plugins = [], ...rest } = experiment
  visit(rest)
  for (const plugin of plugins) registry.set(`${plugin.kind} ${plugin.plugin}`, plugin.use)
  return registry
}

/** Fields that hold a plugin, by their name wherever they stand. */
const pluginFields: ReadonlyMap<string, PluginKind> = new Map([
  ["filter", "filter"],
  ["loss", "loss"],
  ["model", "model"],
  ["proposer", "proposer"],
  ["score", "score"],
  ["study", "study"],
  ["task", "task"],
])

/**
 * A plugin from its name, or from `{ name, options }`.
 *
 * @param fail makes the error, which is thrown, from what is wrong
 */
export const pluginNamed = (
  registry: Registry,
  kind: PluginKind,
  value: unknown,
  fail: (problem: string) => Error,
): AnyUse => {
  const given = isNode(value) ? value : { name: value }
  const name = Object.hasOwn(given, "name") ? given["name"] : undefined
  const make = typeof name === "string" ? registry.get(`${kind} ${name}`) : undefined
  if (make) return make(revive(registry, "options", given["options"] ?? {}, fail))
  const have = [...registry.keys()].filter((k) => k.startsWith(`${kind} `)).map((k) => k.slice(kind.length + 1))
  throw fail(
    `no ${kind} ${(JSON.stringify(name) ?? "without a name").slice(0, 100)} here; there are ${have.join(", ")} (add others to the experiment's plugins)`,
  )
}

/** A value from outside, with the names in plugin fields made into plugins; `field` is where it stands. */
export const revive = (
  registry: Registry,
  field: string,
  value: unknown,
  fail: (problem: string) => Error,
): unknown => {
  const kind = pluginFields.get(field)
  if (kind !== undefined) return pluginNamed(registry, kind, value, fail)
  if (!isNode(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, revive(registry, key, inner, fail)]))
}
