/** A family of models as a plugin: options, a description of the layers, and the reading of its folders. */
import {
  type Attends,
  defineModel,
  type Family,
  type FileNames,
  type ModelUse,
  type Plugin,
  type Turned,
} from "@winnow/core"
import { type ArkError, ArkErrors, type Type } from "arktype"
import { architectureOf } from "./architecture.ts"
import { type ConfigKeys, keysOfConfig, optionsFromConfig } from "./config.ts"
import { commonFields, type Field } from "./config-fields.ts"
import type { Description } from "./instructions.ts"
import { privateOfConfig, withPrivatePart } from "./private-part.ts"
import { headRowsKey, headRowsOfConfig, withHeadRows } from "./smaller-head.ts"

/** A family that can be called with options, or passed to `loadDecoder`. */
export type FamilyPlugin<O extends Type, A extends Attends = "before"> = Plugin<O, ModelUse<A>> &
  Family & {
    /** The role of each field of its config.json. */
    readonly fields: ReadonlyMap<string, Field>
  }

/** The problem of a field, or of several fields together without the whole config.json that arktype repeats there. */
const problemOf = ({ path, message, expected }: ArkError): string =>
  path.length > 0 ? message : `the settings must be ${expected}`

/**
 * Defines a family.
 *
 * @param spec.name its `model_type`
 * @param spec.options the fields of its config.json that the computation depends on, unknown ones refused
 * @param spec.describe computes sizes, parameters and layers from options
 * @param spec.config the way from a config.json to options
 * @param spec.names the names of its parts in its files
 * @param spec.turned the family of the same layers with the other attention, where there is one
 */
export const defineFamily = <const O extends Type, A extends Attends>(spec: {
  readonly name: string
  readonly options: O
  readonly describe: (options: O["infer"]) => Description<A>
  readonly config: ConfigKeys
  readonly names: FileNames
  readonly turned?: () => Turned
}): FamilyPlugin<O, A> => {
  const { name, options, describe, config: keys, names, turned } = spec
  // config.json has many keys that do not change the computation: `keys.fields` judges them.
  const fromFile = options.onUndeclaredKey("delete")
  const fields = new Map([...commonFields, ...keys.fields])
  const family = defineModel({
    name,
    options,
    names,
    ...(turned && { turned }),
    make: (options) => architectureOf(describe(options)),
    fromConfig: (config, where) => {
      const { read, notes, strange, fail } = optionsFromConfig(name, { ...keys, fields }, config, where)
      const valid: unknown = fromFile(read)
      if (valid instanceof ArkErrors) throw fail(valid.map(problemOf))
      const whole = describe(valid as O["infer"])
      const rows = headRowsOfConfig(config, whole.vocabularySize)
      const own = privateOfConfig(config)
      const faults = [rows, own].filter((one) => typeof one === "string")
      if (typeof rows === "string" || typeof own === "string") throw fail(faults)
      if (rows !== undefined && whole.head.weight === whole.embed.table)
        throw fail([`${headRowsKey} ${rows} needs a head apart from the embedding; set tie_word_embeddings to false`])
      const cut = rows === undefined ? whole : withHeadRows(whole, rows)
      const described = architectureOf(own === undefined ? cut : withPrivatePart(cut, own))
      const architecture = { ...described, config: { ...strange, ...described.config } }
      return notes.length === 0 ? architecture : { ...architecture, notes }
    },
  })
  return Object.assign(family, {
    fields,
    keys: (config: Readonly<Record<string, unknown>>) => keysOfConfig(fields, config),
  })
}
