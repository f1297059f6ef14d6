/** `winnow plugins`: lists the plugins with their options and needs. */
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { fieldsAt } from "@winnow/core"
import { ownData } from "@winnow/data/own"
import { type Exported, fitText, houseRoot, loadPlugins, pluginsIn } from "@winnow/lab"
import { Console, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { terminalColumns } from "../terminal.ts"

/** The files of the plugins of this checkout. */
const houseFiles = (): ReadonlyArray<string> =>
  readdirSync(join(houseRoot, "plugins"))
    .map((name) => join(houseRoot, "plugins", name, "src", "index.ts"))
    .filter(existsSync)
    .toSorted()

/** A plugin with its default options; undefined if it cannot be made without options. */
const withDefaults = (plugin: Exported): object | undefined => {
  try {
    return plugin.use({}) as object
  } catch {
    return undefined
  }
}

/** An option as its schema writes it: name, type and default. */
const optionsOf = (plugin: Exported): ReadonlyArray<string> => {
  const { schema } = plugin
  // The values of all defaults, where no option is required; else a list of errors, which has none of their names.
  const defaults = (schema as (given: object) => Readonly<Record<string, unknown>>)({})
  const { json } = schema as { readonly json?: { readonly required?: unknown; readonly optional?: unknown } }
  const list = (value: unknown) => (Array.isArray(value) ? (value as ReadonlyArray<Record<string, unknown>>) : [])
  // The schema writes the name of a function where a function makes the default.
  const of = ({ key, ...rest }: Record<string, unknown>) =>
    Object.hasOwn(rest, "default")
      ? `${String(key)} = ${JSON.stringify(defaults[String(key)] ?? rest["default"])}`
      : String(key)
  const fields = [
    ...list(json?.required).map(of),
    ...list(json?.optional).map((o) => of(o).replace(/^([^ =]+)$/, "$1?")),
  ]
  return fields.length > 0 ? fields : fieldsAt(schema) // A schema with a custom check has only names.
}

/**
 * Statistics, models and, for a head, values that a plugin reads, and the figures of a score, with its default options;
 * none if it cannot be made without options.
 */
const needsOf = (plugin: Exported): ReadonlyArray<string> => {
  const { needs, reads } = (withDefaults(plugin) ?? {}) as {
    readonly needs?: { readonly statistics?: ReadonlyArray<string>; readonly models?: ReadonlyArray<string> }
    readonly reads?: ReadonlyArray<string>
  }
  return [...(needs?.statistics ?? []), ...(needs?.models ?? []), ...(reads ?? [])]
}

/** The command. */
export const plugins = Command.make(
  "plugins",
  {
    plugin: Flag.String("plugin").pipe(
      Flag.atLeast(0),
      Flag.withMetavar("path|package"),
      Flag.withDescription("further plugins to list; repeatable"),
    ),
    json: Flag.Boolean("json").pipe(Flag.withDefault(false), Flag.withDescription("JSON on stdout")),
  },
  Effect.fn("plugins")(function* ({ plugin, json }) {
    const house = (yield* Effect.forEach(houseFiles(), pluginsIn)).flat()
    const all = [...house, ...ownData, ...(yield* loadPlugins(plugin)).plugins]
      .map((p) => ({ kind: p.kind, name: p.plugin, options: optionsOf(p), needs: needsOf(p) }))
      .toSorted((a, b) => a.kind.localeCompare(b.kind) || a.name.localeCompare(b.name))
    if (json) return yield* Console.log(JSON.stringify(all, null, 2))
    const few = (texts: ReadonlyArray<string>, most: number) =>
      texts.length > most ? `${texts.slice(0, most).join(", ")}, and ${texts.length - most} more` : texts.join(", ")
    const rows = all.map(({ kind, name, options, needs }) => [kind, name, few(options, 3), needs.join(", ")])
    yield* Console.log(
      fitText([["kind", "name", "options", "needs"], ...rows], new Set([0, 1, 2, 3]), terminalColumns()),
    )
  }),
).pipe(Command.withDescription("List the plugins: kinds, names, options, needs"))
