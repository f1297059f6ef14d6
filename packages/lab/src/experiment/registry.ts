/** The plugins that an experiment can name, and values from outside that name plugins. */
import {
  type AnyUse,
  bothFilter,
  isUse,
  ofThese,
  type Plugin,
  type PluginKind,
  scheduleFilter,
  shuffledFilter,
  shuffledWithinFilter,
  usesIn,
} from "@winnow/core"
import { dataset, ownData } from "@winnow/data/own"
import { isDatasetReference } from "@winnow/hub"
import { fieldWithin, pluginFields, pluginKinds } from "./plugin-fields.ts"

/** An object with fields that is no plugin. */
export type Node = Readonly<Record<string, unknown>>

export const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !isUse(value)

/** Plugins by kind and name: registered plugins and used ones. */
export type Registry = ReadonlyMap<string, (options: unknown) => AnyUse>

/** Any plugin that an arm can take by its name. */
export type AnyPlugin = Pick<Plugin<never, AnyUse>, "kind" | "plugin" | "use">

/** Plugins that every experiment can name: filters of filters, and tasks from a user's own data. */
const everywhere: ReadonlyArray<AnyPlugin> = [
  shuffledFilter,
  shuffledWithinFilter,
  scheduleFilter,
  bothFilter,
  ...ownData,
]

/** The plugins that an experiment can name: every plugin it uses, its `plugins`, and those of the house that need no import. */
export const registryOf = (experiment: { readonly plugins?: ReadonlyArray<AnyPlugin> }): Registry => {
  const registry = new Map<string, (options: unknown) => AnyUse>()
  const visit = (value: unknown): void => {
    for (const use of usesIn(value)) {
      registry.set(`${use.kind} ${use.name}`, use.withOptions)
      visit(use.options)
    }
  }
  const { plugins = [], ...rest } = experiment
  visit(rest)
  for (const plugin of plugins) registry.set(`${plugin.kind} ${plugin.plugin}`, plugin.use)
  for (const { kind, plugin, use } of everywhere)
    if (!registry.has(`${kind} ${plugin}`)) registry.set(`${kind} ${plugin}`, use)
  return registry
}

/**
 * A plugin from its name, or from `{ name, options }`; a data set of a hub is the task that reads it.
 *
 * @param fail makes the error to throw from a description of the fault
 */
export const pluginNamed = (
  registry: Registry,
  kind: PluginKind,
  value: unknown,
  fail: (problem: string) => Error,
): AnyUse => {
  if (kind === "task" && typeof value === "string" && isDatasetReference(value)) return dataset.use({ from: value })
  const node = isNode(value) ? value : { name: value }
  const name = Object.hasOwn(node, "name") ? node["name"] : undefined
  const make = typeof name === "string" ? registry.get(`${kind} ${name}`) : undefined
  if (make) return make(revive(registry, "options", node["options"] ?? {}, fail, true))
  const have = [...registry.keys()].filter((k) => k.startsWith(`${kind} `)).map((k) => k.slice(kind.length + 1))
  throw fail(
    `no ${kind} ${(JSON.stringify(name) ?? "without a name").slice(0, 100)} here${ofThese(name, have, "there are")} (add others to the experiment's plugins)`,
  )
}

/**
 * The kind of the plugin that a value names: its field implies it, or the value states it, `{ kind, name, options }`.
 */
const kindNamed = (field: string, value: unknown): PluginKind | undefined => {
  const byField = pluginFields.get(field)
  if (byField !== undefined || !isNode(value)) return byField
  const { kind } = value
  const named = typeof kind === "string" && pluginKinds.has(kind) && Object.hasOwn(value, "name")
  return named ? (kind as PluginKind) : undefined
}

/**
 * True if a value among options names a plugin. A field of options may have the name of a kind and hold another value.
 */
const isNamed = (registry: Registry, kind: PluginKind, value: unknown): boolean =>
  isNode(value) ? Object.hasOwn(value, "name") : typeof value === "string" && registry.has(`${kind} ${value}`)

/**
 * A value from outside, with plugins in place of their names.
 *
 * @param field the field that holds the value
 * @param inOptions true among the options of a plugin: `examples: 300` is a number there
 */
export const revive = (
  registry: Registry,
  field: string,
  value: unknown,
  fail: (problem: string) => Error,
  inOptions = false,
): unknown => {
  const kind = kindNamed(field, value)
  if (kind !== undefined && (!inOptions || isNamed(registry, kind, value)))
    return pluginNamed(registry, kind, value, fail)
  if (Array.isArray(value)) return value.map((inner) => revive(registry, "", inner, fail, inOptions))
  if (!isNode(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      revive(registry, inOptions ? key : fieldWithin(field, key), inner, fail, inOptions),
    ]),
  )
}
