/** Converts plugins and specs to plain JSON, for configs, keys and workers. */
import { type AnyUse, type InvalidInput, isUse } from "@winnow/core"
import { Effect } from "effect"
import { pluginFields } from "./plugin-fields.ts"

/** A plugin as plain JSON: its name and its options, defaults included. */
export const plain = (
  use: AnyUse,
): Effect.Effect<{ readonly name: string; readonly options: Record<string, unknown> }, InvalidInput> =>
  Effect.gen(function* () {
    return { name: use.name, options: yield* plainSpec(yield* use.decoded) }
  })

/** A value as plain JSON. A plugin states its kind too where its field does not imply it. */
const plainValue = (field: string, value: unknown): Effect.Effect<unknown, InvalidInput> => {
  if (isUse(value)) {
    const kind = pluginFields.get(field) === value.kind ? {} : { kind: value.kind }
    return Effect.map(plain(value), (named) => ({ ...kind, ...named }))
  }
  if (Array.isArray(value)) return Effect.forEach(value, (inner) => plainValue("", inner))
  return typeof value === "object" && value !== null ? plainSpec(value) : Effect.succeed(value)
}

/** A spec as plain JSON: each plugin in it by name and options. */
export const plainSpec = (spec: object): Effect.Effect<Record<string, unknown>, InvalidInput> =>
  Effect.gen(function* () {
    const out: Record<string, unknown> = {}
    for (const [key, value] of Object.entries(spec)) if (value !== undefined) out[key] = yield* plainValue(key, value)
    return out
  })
