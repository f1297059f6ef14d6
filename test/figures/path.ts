/** Places in a record, by names and never by an index: `adaspec.greedyAcceptance`, `peers[precision=bf16].tokensPerSecond`. */
import type { Json } from "./records.ts"

const isObject = (value: Json | undefined): value is { readonly [key: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isArray = (value: Json | undefined): value is ReadonlyArray<Json> => Array.isArray(value)

const own = (value: Json | undefined, key: string): Json | undefined =>
  isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined

/** The parts of `a.b[x="y z"].*`: `a`, `b`, `[x="y z"]`, `*`. */
const partsOf = (path: string): ReadonlyArray<string> => path.match(/\[[^\]]*\]|[^.[\]]+/g) ?? []

const nested = (value: Json, key: string): Json | undefined =>
  key.split(".").reduce<Json | undefined>((at, name) => own(at, name), value)

const named = (values: ReadonlyArray<Json>, name: string): Json | undefined =>
  values.find((value) => own(value, "name") === name)

const negated = (value: Json | undefined): number | null => (typeof value === "number" ? -value : null)

/** Differences a - b of a run, by measure, in either order in the record. */
const pair = (record: Json, a: string, b: string): Json => {
  const all = own(record, "differences")
  const fields: Record<string, Json> = {}
  for (const difference of isArray(all) ? all : []) {
    const measure = own(difference, "measure")
    if (typeof measure !== "string") continue
    const ends = [own(difference, "a"), own(difference, "b")]
    if (ends[0] === a && ends[1] === b) fields[measure] = difference
    if (ends[0] === b && ends[1] === a)
      fields[measure] = {
        value: negated(own(difference, "value")),
        low: negated(own(difference, "high")),
        high: negated(own(difference, "low")),
      }
  }
  if (Object.keys(fields).length === 0) throw new Error(`no difference of ${a} and ${b} in the record`)
  return fields
}

const filtered = (value: Json, part: string, all: boolean): Json => {
  if (!isArray(value)) throw new Error(`${part} asks for a list`)
  const conditions = part
    .slice(1, -1)
    .split(/,(?=[^"]*(?:"[^"]*"[^"]*)*$)/)
    .map(
      (text) =>
        /^\s*([\w.]+)(\^?=|>)(.*?)\s*$/.exec(text) ??
        fail(`${part}: write [key=value], [key^=beginning] or [key>number]`),
    )
  const fits = value.filter((item) =>
    conditions.every(([, key, how, quoted]) => {
      const wanted = quoted!.replace(/^"(.*)"$/, "$1")
      const has = String(nested(item, key!) ?? "")
      if (how === ">") return Number.parseFloat(has) > Number.parseFloat(wanted)
      return how === "=" ? has === wanted : has.startsWith(wanted)
    }),
  )
  if (all && fits.length > 0) return fits
  if (fits.length !== 1) throw new Error(`${part}: ${fits.length} of ${value.length} fit, expected one`)
  return fits[0]!
}

const fail = (message: string): never => {
  throw new Error(message)
}

const step = (value: Json, part: string, root: boolean, all: boolean): Json => {
  const quoted = /^\["([^"]*)"\]$/.exec(part)?.[1]
  if (quoted !== undefined) return own(value, quoted) ?? fail(`no field ${part}`)
  if (part.startsWith("[")) return filtered(value, part, all)
  if (isArray(value))
    return named(value, part) ?? fail(`no "${part}" among ${value.map((item) => own(item, "name")).join(", ")}`)
  const direct = own(value, part)
  if (direct !== undefined) return direct
  // A study holds the record of its drafts.
  const drafts = own(value, "drafts")
  if (root && drafts !== undefined) return step(drafts, part, root, all)
  const difference = /^(.+)~(.+)$/.exec(part)
  if (root && difference !== null) return pair(value, difference[1]!, difference[2]!)
  const rows = own(value, "rows")
  const row = root && isArray(rows) ? named(rows, part) : undefined
  return row ?? fail(`no "${part}" among ${isObject(value) ? Object.keys(value).join(", ") : String(value)}`)
}

/**
 * The value at `path` of a record. Parts are names of fields. In a list a part is the `name` of an item, or
 * `[key=value]`, `[key^=beginning]` or `[key>number]` for the only item that fits, or for all that fit with `.*` after
 * it, or `*` for each. `["a field"]` is a name with blanks. At the beginning of a run's path `adaspec` is the row of
 * that name and `adaspec~random` the difference of the two arms, of either sign; in a study's those of its drafts.
 * @error for a missing part, with the existing ones
 */
export const valueAt = (document: Json, path: string): Json => {
  const walk = (value: Json, parts: ReadonlyArray<string>, root: boolean): Json => {
    const [part, ...rest] = parts
    if (part === undefined) return value
    if (part !== "*") return walk(step(value, part, root, rest[0] === "*"), rest, false)
    if (!isArray(value)) throw new Error("* asks for a list")
    return value.flatMap((item) => walk(item, rest, false))
  }
  return walk(document, partsOf(path), true)
}
