/** Content keys: the same content gives the same key, in any order of fields. */
import { sha256 } from "@winnow/files"

/**
 * JSON with sorted keys and without undefined fields.
 *
 * @error Error (thrown) for values without a JSON form: functions, NaN, infinities, class instances. A key that
 * silently lost a setting would give two experiments one artifact.
 */
export const canonicalJson = (value: unknown, at = "$"): string => {
  if (value === null || typeof value === "boolean" || typeof value === "string") return JSON.stringify(value)
  if (typeof value === "number" && Number.isFinite(value)) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map((v, i) => canonicalJson(v, `${at}[${i}]`)).join(",")}]`
  if (typeof value === "object" && [Object.prototype, null].includes(Object.getPrototypeOf(value))) {
    const fields = Object.entries(value)
      .filter(([, v]) => v !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v, `${at}.${k}`)}`)
    return `{${fields.join(",")}}`
  }
  throw new Error(
    `${at} is ${String(value)}: expected JSON (null, boolean, finite number, string, array, plain object)`,
  )
}

/** SHA-256 of the canonical JSON, hex. */
export const keyOf = (value: unknown): string => sha256(canonicalJson(value))

/** The form of a key for people: its first 10 characters. */
export const shortKey = (key: string): string => key.slice(0, 10)
