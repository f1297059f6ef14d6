/** Turns the config.json of a Hugging Face model directory into an architecture, or gives the reason why it cannot. */
import { type Architecture, type Attends, type ConfigKey, type Family, InvalidInput } from "@winnow/core"
import type { Field } from "./config-fields.ts"
import type { RopeConfig } from "./rope-config.ts"
import { excerpt, isRecord, own } from "./shown.ts"

type Config = Readonly<Record<string, unknown>>

/** The way from a family's config.json to its options. */
export interface ConfigKeys {
  /** The role of each field of this family; the fields of every family are known already. */
  readonly fields: ReadonlyArray<readonly [string, Field]>
  /** Values in `transformers` for keys that a config.json lacks, if options have another default or none. */
  readonly defaults: Config
  /** Keys whose null means "the default". */
  readonly nullable?: ReadonlyArray<string>
  /** The key of the activation, and its names in `transformers` by the single name in the options. */
  readonly activation: { readonly key: string; readonly names: Readonly<Record<string, string>> }
  /** Options that several keys decide together. */
  readonly rope?: (config: Config) => RopeConfig
}

/** Reports fields that would change the numbers as problems, and unknown fields as notes. */
const judgeFields = (type: string, fields: ReadonlyMap<string, Field>, config: Config) => {
  const problems: Array<string> = []
  const strange: Array<readonly [string, unknown]> = []
  for (const [key, value] of Object.entries(config)) {
    const field = fields.get(key)
    if (field === undefined) strange.push([key, value])
    else if (field.part === "refused" && value != null && !field.neutral(value, config))
      problems.push(`${key} ${excerpt(value)} is not supported: ${field.why}`)
  }
  const unknown = strange.map(([key]) => key)
  const more = unknown.length > 8 ? ` and ${unknown.length - 8} more` : ""
  const notes =
    unknown.length === 0
      ? []
      : [
          `${unknown.slice(0, 8).map(excerpt).join(", ")}${more}: not a setting of ${type} that is known here; without effect, a saved model keeps it`,
        ]
  return { problems, notes, strange: Object.fromEntries(strange) }
}

const roleOf = (field: Field | undefined): Pick<ConfigKey, "part" | "why"> => {
  if (field === undefined) return { part: "unknown", why: "not a setting that is known here; left aside" }
  if (field.part === "used") return { part: "used", why: field.how }
  if (field.part === "none") return { part: "ignored", why: field.why }
  return { part: "ignored", why: "this value changes no number; another would be refused" }
}

/** The role of each key of a config.json whose values are accepted. */
export const keysOfConfig = (fields: ReadonlyMap<string, Field>, config: Config): ReadonlyArray<ConfigKey> =>
  Object.entries(config).map(([key, value]) => ({ key, value, ...roleOf(fields.get(key)) }))

/**
 * The options of a family by its config.json, not validated yet, and the unknown fields (`strange`).
 *
 * @param where names the file in errors and notes
 * @error InvalidInput (thrown) with one line for each field that would change the numbers
 */
export const optionsFromConfig = (
  type: string,
  keys: Omit<ConfigKeys, "fields"> & { readonly fields: ReadonlyMap<string, Field> },
  config: Config,
  where: string,
) => {
  const fail = (problems: ReadonlyArray<string>) => new InvalidInput({ what: where, problems })
  const rope: RopeConfig = keys.rope?.(config) ?? { options: {}, problems: [], notes: [] }
  const judged = judgeFields(type, keys.fields, config)
  const problems = [...rope.problems, ...judged.problems]
  const { key, names } = keys.activation
  const given = own(config, key)
  const activation = typeof given === "string" ? own(names, given) : undefined
  if (given !== undefined && activation === undefined)
    problems.push(`${key} ${excerpt(given)} is not supported; supported are ${Object.keys(names).join(", ")}`)
  if (problems.length > 0) throw fail(problems)
  const isNone = (key: string, value: unknown) => value === null && (keys.nullable ?? []).includes(key)
  // Keys keep their order, so that a model that is read and saved has the same bytes after additions to the defaults.
  const absent = Object.entries(keys.defaults).filter(([key]) => !Object.hasOwn(config, key))
  const merged = { ...config, ...Object.fromEntries(absent), [key]: activation, ...rope.options }
  const read = Object.fromEntries(
    Object.entries(merged).filter(([key, value]) => value !== undefined && !isNone(key, value)),
  )
  const notes = [...rope.notes, ...judged.notes].map((note) => `${where}: ${note}`)
  return { read, notes, strange: judged.strange, fail }
}

/**
 * The architecture of a config.json, computed as `transformers` 5 computes it, by the family that its `model_type`
 * names. The family classifies each key: it is used, has no effect, or is refused if it would change the numbers.
 * Dropout is not applied.
 *
 * @param where names the file in errors and in the architecture's notes
 * @error InvalidInput (thrown) with one line for each problem
 */
export const architectureFromConfig = (
  families: ReadonlyArray<Family>,
  config: unknown,
  where = "config.json",
): Architecture<Attends> => {
  const fail = (problem: string) => new InvalidInput({ what: where, problems: [problem] })
  if (!isRecord(config)) throw fail(`a JSON object was expected (was ${excerpt(config)})`)
  const type = own(config, "model_type")
  const family = families.find(({ plugin }) => plugin === type)
  if (family === undefined) {
    const names = families.map(({ plugin }) => plugin).toSorted()
    const found = type === undefined ? "model_type is missing" : `model_type ${excerpt(type)} is not known here`
    throw fail(`${found}; there are ${names.join(", ") || "no families"} (a family is a plugin: docs/models.md)`)
  }
  return family.fromConfig(config, where)
}
