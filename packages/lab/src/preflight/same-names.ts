/** Refuses different plugins of one name and origin: tables, keys and `--set` could not tell them apart. */
import { cut, InvalidInput, isUse, isUseOfPlugin } from "@winnow/core"
import { Effect } from "effect"
import { isNode } from "../experiment/registry.ts"

/** Two uses have the same definition if one function made both. */
type Definition = unknown

/**
 * Refuses an experiment in which two definitions share a kind and a name, or in which a plugin is a changed copy of
 * another and would have its key.
 *
 * @error InvalidInput that names both places
 */
export const checkNames = (what: string, experiment: object): Effect.Effect<void, InvalidInput> =>
  Effect.suspend(() => {
    const first = new Map<string, { readonly definition: Definition; readonly at: string }>()
    const problems = new Map<string, string>()
    const meet = (kind: string, name: string, definition: Definition, at: string) => {
      const key = `${kind} ${name}`
      const before = first.get(key)
      if (before === undefined) first.set(key, { definition, at })
      else if (before.definition !== definition && !problems.has(key))
        problems.set(
          key,
          `${before.at} and ${at} use two different plugins that are both called ${key}; give each its own name`,
        )
    }
    const visit = (value: unknown, at: string): void => {
      if (isUse(value)) {
        const named = `${value.kind} ${cut(String(value.name), 64)}`
        if (!isUseOfPlugin(value))
          problems.set(
            `copy ${at}`,
            `${at} is a changed copy of ${named}; define a plugin of its own, or give ${value.name} other options`,
          )
        meet(value.kind, value.name, value.withOptions, at)
        visit(value.options, `${at}.options`)
      } else if (Array.isArray(value)) for (const [i, inner] of value.entries()) visit(inner, `${at}.${i}`)
      else if (isNode(value)) for (const [key, inner] of Object.entries(value)) visit(inner, at ? `${at}.${key}` : key)
    }
    const { plugins, ...rest } = experiment as { readonly plugins?: unknown }
    visit(rest, "")
    for (const [i, plugin] of (Array.isArray(plugins) ? plugins : []).entries())
      meet(String(plugin?.kind), String(plugin?.plugin), plugin?.use, `plugins.${i}`)
    return problems.size === 0 ? Effect.void : Effect.fail(new InvalidInput({ what, problems: [...problems.values()] }))
  })
