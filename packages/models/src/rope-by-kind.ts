/** The rotary embeddings of a config.json whose layers of full and of sliding attention have different ones. */
import { type RopeConfig, ropeReader } from "./rope-config.ts"
import { excerpt, isRecord, own } from "./shown.ts"

type Config = Readonly<Record<string, unknown>>

/** The flat key of a base, which is the name of its option as well, and its default. */
interface Base {
  readonly key: string
  readonly fallback: number
}

/** The bases by kind of layer, and the positions of a config.json that does not tell. */
export interface RopeKinds {
  readonly full: Base
  readonly sliding: Base
  readonly positions: number
}

const kinds = ["full_attention", "sliding_attention"] as const

/**
 * Reads the rotary keys of a family named `type` as `transformers` 5 does: `rope_parameters` has an object for each kind,
 * `rope_scaling` is put over that of full attention. The options are both bases, and `rope_scaling` of full attention.
 */
export const ropeByKindReader =
  (type: string, { full, sliding, positions }: RopeKinds) =>
  (config: Config): RopeConfig => {
    const [given, scaling] = [own(config, "rope_parameters") ?? {}, own(config, "rope_scaling") ?? {}]
    const problem = (text: string): RopeConfig => ({ options: {}, problems: [text], notes: [] })
    if (!isRecord(scaling)) return problem(`rope_scaling must be an object (was ${excerpt(scaling)})`)
    const strange = isRecord(given)
      ? Object.keys(given).filter((key) => !(kinds as ReadonlyArray<string>).includes(key))
      : []
    const parts = kinds.map((kind) => (isRecord(given) ? (own(given, kind) ?? {}) : undefined))
    if (strange.length > 0 || !parts.every(isRecord))
      return problem(`rope_parameters must have an object each for ${kinds.join(" and ")} (was ${excerpt(given)})`)
    const [ofFull, ofSliding] = parts as [Config, Config]

    const read = ({ key, fallback }: Base, as: string, rope: Config) => {
      const apart = new Set(["rope_parameters", "rope_scaling", full.key, sliding.key])
      const others = Object.fromEntries(Object.entries(config).filter(([name]) => !apart.has(name)))
      const base = own(config, key) ?? (Object.hasOwn(rope, "rope_theta") ? undefined : fallback)
      const flat = base === undefined ? {} : { [key]: base }
      return ropeReader(type, { theta: key, positions })({ ...others, ...flat, [as]: rope })
    }
    const scaledBy = Object.keys(scaling).length > 0 ? "rope_scaling" : "rope_parameters"
    const one = read(full, scaledBy, { ...ofFull, ...scaling })
    const other = read(sliding, "rope_parameters", ofSliding)
    const local = other.options["rope_scaling"]
    const scaled =
      local === undefined ? [] : [`rope_parameters of sliding_attention are scaled (${excerpt(local)}): not supported`]
    return {
      options: { ...one.options, [full.key]: one.options["rope_theta"], [sliding.key]: other.options["rope_theta"] },
      problems: [...one.problems, ...other.problems, ...scaled],
      notes: [...new Set([...one.notes, ...other.notes])],
    }
  }
