/** From the config.json of a Hugging Face model directory to an architecture, or to a reason why not. */
import { type Architecture, InvalidInput } from "@winnow/core"
import { ArkErrors } from "arktype"
import { configFields } from "./config-fields.ts"
import { gptNeoxArchitecture, gptNeoxOptions } from "./gpt-neox.ts"
import { llamaArchitecture, llamaOptions } from "./llama.ts"
import { ropeOf } from "./rope-config.ts"
import { isRecord, own, shown } from "./shown.ts"

type Config = Readonly<Record<string, unknown>>
type FamilyName = "gpt_neox" | "llama"

interface Family {
  readonly name: FamilyName
  /** From options of any origin to the architecture, or arktype's list of what is wrong. */
  readonly build: (options: unknown) => Architecture | ArkErrors
  /** Values of `transformers` for keys that a config.json lacks, where options have another default or none. */
  readonly defaults: Config
  /** Keys whose null means "the default". */
  readonly nullable: ReadonlyArray<string>
  /** Names of activations, as `transformers` has them, by the one name here. */
  readonly activations: ReadonlyMap<unknown, string>
}

// config.json has many keys that do not change the computation: config-fields.ts judges them.
const neoxFromFile = gptNeoxOptions.onUndeclaredKey("delete")
const llamaFromFile = llamaOptions.onUndeclaredKey("delete")

const families: ReadonlyMap<unknown, Family> = new Map<unknown, Family>([
  [
    "gpt_neox",
    {
      name: "gpt_neox",
      build: (options) => {
        const valid = neoxFromFile(options)
        return valid instanceof ArkErrors ? valid : gptNeoxArchitecture(valid)
      },
      defaults: {
        vocab_size: 50432,
        hidden_size: 6144,
        num_hidden_layers: 44,
        num_attention_heads: 64,
        intermediate_size: 24576,
      },
      nullable: [],
      activations: new Map([
        ["gelu", "gelu"],
        ["gelu_python", "gelu"],
      ]),
    },
  ],
  [
    "llama",
    {
      name: "llama",
      build: (options) => {
        const valid = llamaFromFile(options)
        return valid instanceof ArkErrors ? valid : llamaArchitecture(valid)
      },
      defaults: {
        vocab_size: 32000,
        hidden_size: 4096,
        num_hidden_layers: 32,
        num_attention_heads: 32,
        intermediate_size: 11008,
      },
      nullable: ["num_key_value_heads", "head_dim"],
      activations: new Map([
        ["silu", "silu"],
        ["swish", "silu"],
      ]),
    },
  ],
])

/** The values of `model_type` that can be loaded. */
export const modelTypes: ReadonlyArray<string> = [...families.values()].map(({ name }) => name)

/** Fields that would change the numbers, one problem each, and a note of those that nobody here knows. */
const judgeFields = (family: Family, config: Config) => {
  const fields = configFields.get(family.name)!
  const problems: Array<string> = []
  const unknown: Array<string> = []
  for (const [key, value] of Object.entries(config)) {
    const field = fields.get(key)
    if (field === undefined) unknown.push(key)
    else if (field.part === "refused" && value != null && !field.neutral(value, config))
      problems.push(`${key} ${shown(value)} is not supported: ${field.why}`)
  }
  const more = unknown.length > 8 ? ` and ${unknown.length - 8} more` : ""
  const notes =
    unknown.length === 0
      ? []
      : [
          `${unknown.slice(0, 8).map(shown).join(", ")}${more}: not a setting of ${family.name} that is known here; left aside`,
        ]
  return { problems, notes }
}

/**
 * The architecture that a config.json describes, computed as `transformers` 5 computes it. `config-fields.ts` says of each
 * key whether it is used, has no effect, or is refused where it would change the numbers. Dropout is not applied.
 *
 * @param where names the file in errors and in the architecture's notes
 * @error InvalidInput with one line a problem
 */
export const architectureFromConfig = (config: unknown, where = "config.json"): Architecture => {
  const fail = (problems: ReadonlyArray<string>) => new InvalidInput({ what: where, problems })
  if (!isRecord(config)) throw fail([`a JSON object was expected (was ${shown(config)})`])
  const family = families.get(own(config, "model_type"))
  if (family === undefined)
    throw fail([`model_type ${shown(own(config, "model_type"))} is not known, only ${modelTypes.join(" and ")}`])
  const rope = ropeOf(family.name, config)
  const judged = judgeFields(family, config)
  const problems = [...rope.problems, ...judged.problems]
  const given = own(config, "hidden_act")
  const activation = given === undefined ? undefined : family.activations.get(given)
  if (given !== undefined && activation === undefined)
    problems.push(`hidden_act ${shown(given)} is not supported, known are ${[...family.activations.keys()].join(", ")}`)
  if (problems.length > 0) throw fail(problems)
  const isNone = (key: string, value: unknown) => value === null && family.nullable.includes(key)
  // Keys keep their order, so that a model that is read and saved has the same bytes whatever is added to the defaults.
  const absent = Object.entries(family.defaults).filter(([key]) => !Object.hasOwn(config, key))
  const merged = {
    ...config,
    ...Object.fromEntries(absent),
    hidden_act: activation,
    rotary_pct: undefined,
    ...rope.options,
  }
  const built = family.build(
    Object.fromEntries(Object.entries(merged).filter(([key, value]) => value !== undefined && !isNone(key, value))),
  )
  if (built instanceof ArkErrors) throw fail(built.map((error) => error.message))
  const notes = [...rope.notes, ...judged.notes].map((note) => `${where}: ${note}`)
  return notes.length === 0 ? built : { ...built, notes }
}
