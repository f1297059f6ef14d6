/**
 * Reads the rotary embedding of a config.json, whose keys have had several names. Precedence among names is
 * that of `transformers` 5. A note reports an ignored key whose value differs.
 */
import { excerpt, isRecord, own } from "./shown.ts"

type Config = Readonly<Record<string, unknown>>

export interface RopeConfig {
  /** Options: `rope_theta`, `rope_scaling`, and the rotated part of a head if the family has one. Not validated yet. */
  readonly options: Config
  readonly problems: ReadonlyArray<string>
  readonly notes: ReadonlyArray<string>
}

/** Keys of `rope_parameters` that each type reads beside `rope_theta` and `partial_rotary_factor`. */
const keysOf: ReadonlyMap<unknown, ReadonlyArray<string>> = new Map([
  ["default", []],
  ["linear", ["factor"]],
  ["dynamic", ["factor"]],
  ["llama3", ["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"]],
  [
    "yarn",
    [
      "factor",
      "original_max_position_embeddings",
      "attention_factor",
      "mscale",
      "mscale_all_dim",
      "beta_fast",
      "beta_slow",
      "truncate",
    ],
  ],
  ["longrope", ["short_factor", "long_factor", "factor", "attention_factor", "original_max_position_embeddings"]],
])

/** The types that most families read, by their names. */
const usual: ReadonlyMap<unknown, string> = new Map(
  ["default", "linear", "dynamic", "llama3", "yarn"].map((kind) => [kind, kind]),
)

/** The truth value of JSON in Python, which decides `rope_scaling or rope_parameters`. */
const isTrue = (value: unknown) =>
  Boolean(value) && !(typeof value === "object" && Object.keys(value as object).length === 0)

/** Length before scaling: from config.json itself if it has the key, else from beside the other rotary keys. */
const originalLength = (config: Config, rope: Config, fallback: unknown, problems: Array<string>): unknown => {
  const [outer = fallback, inner] = [
    own(config, "original_max_position_embeddings"),
    own(rope, "original_max_position_embeddings"),
  ]
  if (outer != null && inner != null && outer !== inner)
    problems.push(
      `original_max_position_embeddings is ${excerpt(outer)} in config.json and ${excerpt(inner)} beside the scaling: versions of transformers take different ones; make them equal`,
    )
  return outer ?? inner ?? own(config, "max_position_embeddings") ?? 2048
}

/** The scaling's keys, in the form of the option `rope_scaling`. */
const scalingOf = (
  config: Config,
  rope: Config,
  kind: string,
  { original }: RopeKeys,
  problems: Array<string>,
): Config | undefined => {
  if (kind === "default") return undefined
  const given = keysOf.get(kind)!.map((key) => [key, own(rope, key)] as const)
  const scaling: Record<string, unknown> = Object.fromEntries(given.filter(([, value]) => value != null))
  if (kind === "llama3" || kind === "yarn")
    scaling["original_max_position_embeddings"] = originalLength(config, rope, undefined, problems)
  if (kind === "longrope") {
    originalLength(config, rope, original, problems) // the family has an option for it
    delete scaling["original_max_position_embeddings"]
  }
  if (kind === "yarn" && scaling["factor"] === undefined && Object.hasOwn(rope, "factor"))
    scaling["factor"] =
      Number(own(config, "max_position_embeddings") ?? 2048) / Number(scaling["original_max_position_embeddings"])
  return { rope_type: kind, ...scaling }
}

/** The first of these places that has the key, and notes on other places with another value. */
const firstOf = (
  places: ReadonlyArray<readonly [label: string, from: Config, key: string]>,
  fallback: number,
  notes: Array<string>,
): unknown => {
  const given = places.filter(([, from, key]) => Object.hasOwn(from, key))
  const [winner, ...others] = given.map(([label, from, key]) => ({ label, value: from[key] }))
  const value = winner === undefined ? fallback : winner.value
  for (const other of others)
    if (other.value !== value)
      notes.push(
        `${other.label} ${excerpt(other.value)} is left aside, ${winner!.label} ${excerpt(value)} is used, as in transformers 5`,
      )
  return value
}

/** The names of the rotary embedding in a family's config.json. */
export interface RopeKeys {
  /** The key of the base, outside of the object of rotary settings. */
  readonly theta: string
  /** The key and the option of the rotated part of a head, and its default. Without it, whole heads are rotated. */
  readonly part?: { readonly key: string; readonly fallback: number }
  /** The types of scaling by name, for a family whose types are not those of most. */
  readonly kinds?: ReadonlyMap<unknown, string>
  /** The default of the length before scaling, for a family whose configuration class has one. */
  readonly original?: number
  /** `max_position_embeddings` of a config.json without it; 2048 if left out. */
  readonly positions?: number
}

/** Reads the rotary keys of a family named `type`, like `transformers` 5. */
export const ropeReader =
  (type: string, keys: RopeKeys) =>
  (config: Config): RopeConfig => {
    const [problems, notes]: [Array<string>, Array<string>] = [[], []]
    const [scaled, plain] = [own(config, "rope_scaling"), own(config, "rope_parameters")]
    const key = isTrue(scaled) ? "rope_scaling" : "rope_parameters"
    const found = isTrue(scaled) ? scaled : isTrue(plain) ? plain : {}
    if (!isRecord(found)) return { options: {}, problems: [`${key} must be an object (was ${excerpt(found)})`], notes }
    const rope = found
    if (isTrue(scaled) && isTrue(plain)) {
      const { rope_scaling: _, ...without } = config
      const read = ropeReader(type, keys)
      const other = read(without)
      if (
        other.problems.length > 0 ||
        excerpt(other.options) !== excerpt(read({ ...without, rope_parameters: scaled }).options)
      )
        notes.push("rope_parameters is left aside, rope_scaling is used in its place, as in transformers 5")
    }

    const named = Object.hasOwn(rope, "rope_type") ? rope["rope_type"] : (own(rope, "type") ?? "default")
    const { kinds = usual } = keys
    const kind = kinds.get(named)
    if (kind === undefined) {
      const known = [...kinds.keys()].join(", ")
      return { options: {}, problems: [`${key} of type ${excerpt(named)} is not supported, known are ${known}`], notes }
    }
    const read = new Set(["rope_type", "type", "rope_theta", "partial_rotary_factor", ...keysOf.get(kind)!])
    const unread = Object.keys(rope).filter((name) => !read.has(name) && rope[name] != null)
    const nested = unread.filter((name) => isRecord(rope[name]))
    if (nested.length > 0)
      problems.push(
        `${key} has settings of kinds of layers (${nested.slice(0, 4).join(", ")}): all layers are alike here`,
      )
    else if (unread.length > 0)
      notes.push(
        `${key}: ${unread.slice(0, 8).map(excerpt).join(", ")} has no effect with type ${excerpt(kind)}, as in transformers 5`,
      )

    const of = (inner: string, outer: string, fallback: number) =>
      firstOf(
        [
          [`${inner} of ${key}`, rope, inner],
          [outer, config, outer],
        ],
        fallback,
        notes,
      )
    const theta = of("rope_theta", keys.theta, 10000)
    const part = keys.part && of("partial_rotary_factor", keys.part.key, keys.part.fallback)
    const options = {
      ...(keys.part && { [keys.part.key]: part }),
      rope_theta: theta,
      rope_scaling: scalingOf({ max_position_embeddings: keys.positions, ...config }, rope, kind, keys, problems),
    }
    // Flat keys that the family in `transformers` never read, because it has others for the same settings.
    const flat = [
      ["rope_theta", keys.theta, theta],
      ["partial_rotary_factor", keys.part?.key, part],
    ] as const
    for (const [name, other, value] of flat)
      if (other !== undefined && other !== name && Object.hasOwn(config, name) && config[name] !== value)
        notes.push(
          `${name} ${excerpt(config[name])} is left aside, ${excerpt(value)} is used: transformers reads no such key for ${type}`,
        )
    if (keys.part === undefined) {
      const partial = own(rope, "partial_rotary_factor") ?? own(config, "partial_rotary_factor") ?? 1
      if (partial !== 1)
        problems.push(`partial_rotary_factor ${excerpt(partial)} is not supported: ${type} rotates whole heads here`)
    }
    return { options, problems, notes }
  }
