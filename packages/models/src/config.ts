/** From the config.json of a Hugging Face model directory to an architecture, or to a reason why not. */
import { type Architecture, InvalidInput } from "@winnow/core"
import { ArkErrors } from "arktype"
import { gptNeoxArchitecture, gptNeoxOptions } from "./gpt-neox.ts"
import { llamaArchitecture, llamaOptions } from "./llama.ts"

type Config = Readonly<Record<string, unknown>>

interface Family {
  /** From options of any origin to the architecture, or arktype's list of what is wrong. */
  readonly build: (options: unknown) => Architecture | ArkErrors
  /** Options in our names, from keys that `transformers` has had under several. */
  readonly rename: (config: Config, rope: Config) => Config
  /** What this family computes without, although `transformers` would not. */
  readonly refused: (config: Config, rope: Config) => ReadonlyArray<string>
}

// config.json has many keys that do not change the computation: they are left aside, unlike in options.
const neoxFromFile = gptNeoxOptions.onUndeclaredKey("delete")
const llamaFromFile = llamaOptions.onUndeclaredKey("delete")

/** A problem unless the value is absent, null or the one that changes nothing. */
const not = (key: string, value: unknown, neutral?: unknown): ReadonlyArray<string> =>
  value == null || value === neutral ? [] : [`${key} ${JSON.stringify(value)} is not supported`]

const families: Readonly<Record<string, Family>> = {
  gpt_neox: {
    build: (options) => {
      const valid = neoxFromFile(options)
      return valid instanceof ArkErrors ? valid : gptNeoxArchitecture(valid)
    },
    rename: (config, rope) => ({
      rotary_pct: rope["partial_rotary_factor"] ?? config["rotary_pct"],
      rope_theta: rope["rope_theta"] ?? config["rope_theta"] ?? config["rotary_emb_base"],
    }),
    refused: () => [],
  },
  llama: {
    build: (options) => {
      const valid = llamaFromFile(options)
      return valid instanceof ArkErrors ? valid : llamaArchitecture(valid)
    },
    rename: (config, rope) => ({ rope_theta: rope["rope_theta"] ?? config["rope_theta"] }),
    refused: (config, rope) => [
      ...not("partial_rotary_factor", rope["partial_rotary_factor"] ?? config["partial_rotary_factor"], 1),
      ...not("sliding_window", config["sliding_window"]),
    ],
  },
}

/** The values of `model_type` that can be loaded. */
export const modelTypes: ReadonlyArray<string> = Object.keys(families)

const isRecord = (x: unknown): x is Config => typeof x === "object" && x !== null && !Array.isArray(x)

/** rope_parameters of transformers 5, or the rope_scaling of earlier versions; only the unscaled embedding is known. */
const ropeOf = (config: Config): { rope: Config; problems: ReadonlyArray<string> } => {
  const key = config["rope_parameters"] == null ? "rope_scaling" : "rope_parameters"
  const rope = config[key]
  if (rope == null) return { rope: {}, problems: [] }
  if (!isRecord(rope)) return { rope: {}, problems: [`${key} must be an object (was ${JSON.stringify(rope)})`] }
  const kind = rope["rope_type"] ?? rope["type"] ?? "default"
  return {
    rope,
    problems: kind === "default" ? [] : [`${key} of type ${JSON.stringify(kind)} is not supported, only "default" is`],
  }
}

/**
 * The architecture that a config.json describes. Keys that do not change the computation are left aside; dropout is
 * not applied; what would change it and is not computed here is refused.
 *
 * @param where names the file in errors
 * @error InvalidInput with one line a problem
 */
export const architectureFromConfig = (config: unknown, where = "config.json"): Architecture => {
  const fail = (problems: ReadonlyArray<string>) => new InvalidInput({ what: where, problems })
  if (!isRecord(config)) throw fail([`a JSON object was expected (was ${JSON.stringify(config)?.slice(0, 80)})`])
  const family = families[String(config["model_type"])]
  if (family === undefined)
    throw fail([`model_type ${JSON.stringify(config["model_type"])} is not known, only ${modelTypes.join(" and ")}`])
  const { rope, problems } = ropeOf(config)
  const refused = [
    ...problems,
    ...family.refused(config, rope),
    ...(config["quantization_config"] == null ? [] : ["quantization_config: quantised weights cannot be read"]),
  ]
  if (refused.length > 0) throw fail(refused)
  // null means "the default" to transformers, except for token ids, where it means "none".
  const given = Object.entries({ ...config, ...family.rename(config, rope) }).filter(
    ([key, value]) => value !== undefined && (value !== null || key.endsWith("_token_id")),
  )
  const built = family.build(Object.fromEntries(given))
  if (built instanceof ArkErrors) throw fail(built.map((error) => error.message))
  return built
}
