/**
 * Checks a plugin's definition when its module is loaded: Bun does not check types, so a misspelt field is found here.
 */
import { brief, cut, kindOf } from "./brief.ts"
import { definedAt, PluginFault } from "./fault.ts"
import { didYouMean, nearest } from "./nearest.ts"
import { placeOf } from "./place.ts"

/** The fault in the value of a field; undefined for a valid value. */
export type FieldCheck = (value: unknown) => string | undefined

const isType = (value: unknown): boolean =>
  (typeof value === "function" || typeof value === "object") && value !== null && "~standard" in value

/**
 * Letters and digits, joined by hyphens, dots, underscores or plus signs: the form of names in tables, paths and
 * `--set`.
 */
const pluginName = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/

const common: Readonly<Record<string, FieldCheck>> = {
  name: (value) =>
    typeof value === "string" && pluginName.test(value)
      ? undefined
      : `is ${brief(value, 40)}; expected 1 to 64 letters and digits, joined by hyphens, dots, underscores or plus signs`,
  options: (value) =>
    isType(value)
      ? undefined
      : `is ${kindOf(value)}; expected an arktype schema: type({ "+": "reject" }) for a plugin without options`,
  make: (value) =>
    typeof value === "function" ? undefined : `is ${kindOf(value)}; expected a function of the options`,
  // The file of the plugin.
  from: (value) =>
    value === undefined || typeof value === "string" ? undefined : `is ${kindOf(value)}; expected import.meta.url`,
}

/**
 * Checks the fields of a definition.
 *
 * @param fields checks of the fields that this kind of plugin has beside name, options and make
 * @returns file and line of the definition, unless it is Winnow's own
 * @error PluginFault (thrown) that names the field, and the field that was probably meant
 */
export const checkDefinition = (
  kind: string,
  spec: object,
  fields: Readonly<Record<string, FieldCheck>> = {},
): string | undefined => {
  const place = placeOf(new Error())
  const { name } = spec as { readonly name?: unknown }
  const plugin = typeof name === "string" ? `${kind} ${cut(name, 64)}` : kind
  const all = { ...common, ...fields }
  const refuse = (detail: string) => new PluginFault(plugin, "definition", detail, place)
  const odd = Object.keys(spec).find((key) => !Object.hasOwn(all, key))
  if (odd !== undefined)
    throw refuse(
      `it is defined with a field ${cut(odd, 64)}${didYouMean(odd, Object.keys(all)) || `; there are ${Object.keys(all).join(", ")}`}`,
    )
  for (const [key, check] of Object.entries(all)) {
    const problem = check((spec as Record<string, unknown>)[key])
    if (problem !== undefined) throw refuse(`its ${key} ${problem}`)
  }
  if (place === undefined) definedAt.delete(plugin)
  else definedAt.set(plugin, place)
  return place
}

/** A check of a list of names, each among `known`. */
export const namesAmong =
  (what: string, names: ReadonlyArray<string>): FieldCheck =>
  (value) => {
    if (!Array.isArray(value)) return `is ${kindOf(value)}; expected a list, [] for none`
    const odd = value.find((name) => !names.includes(name))
    if (odd === undefined) return undefined
    const meant = typeof odd === "string" ? nearest(odd, names) : undefined
    return `names ${brief(odd, 40)}, which is no ${what}; ${meant === undefined ? `there are ${names.join(", ")}` : `did you mean ${meant}?`}`
  }

/** A check of the services that a plugin declares: a record of Effect services, by names that are not `taken`. */
export const ownServices =
  (taken: ReadonlyArray<string>): FieldCheck =>
  (value) => {
    if (value === undefined) return undefined
    if (typeof value !== "object" || value === null || Array.isArray(value))
      return `is ${kindOf(value)}; expected an object of services by name, such as { judge: Judge }`
    for (const [name, service] of Object.entries(value)) {
      if (taken.includes(name))
        return `has the name ${brief(name, 40)}, which its function is given already; take another`
      const key = (service as { readonly key?: unknown } | null)?.key
      if (typeof key !== "string") return `has ${brief(name, 40)}, ${kindOf(service)}; expected a Context.Service`
      if (modelKeys.test(key))
        return `has ${brief(name, 40)}, a frozen model; name the statistics of it that are read under needs`
    }
    return undefined
  }

const modelKeys = /^@winnow\/core\/(Target|Reference)$/
