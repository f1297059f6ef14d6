/** Values from outside in messages. */

/** A value as JSON, cut to 80 characters. */
export const excerpt = (value: unknown): string => {
  try {
    const text = JSON.stringify(value) ?? "undefined"
    return text.length > 80 ? `${text.slice(0, 77)}...` : text
  } catch {
    return "a value nested too deeply" // JSON.parse accepts a depth that overflows the stack of JSON.stringify
  }
}

/** True if a value is a JSON object. */
export const isRecord = (x: unknown): x is Readonly<Record<string, unknown>> =>
  typeof x === "object" && x !== null && !Array.isArray(x)

/** The value of an object's own key; undefined for an inherited one such as "constructor". */
export const own = (from: Readonly<Record<string, unknown>>, key: string): unknown =>
  Object.hasOwn(from, key) ? from[key] : undefined
