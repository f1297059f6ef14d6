/** Short forms of values and texts from outside, for messages. */

/** A text of at most `most` characters, with the number of omitted ones. */
export const cut = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most).trimEnd()}... (${text.length - most} characters more)`

/** A value on one line, at most `most` characters of it. */
export const brief = (value: unknown, most = 80): string => {
  if (typeof value === "function") return "a function"
  if (typeof value === "bigint" || typeof value === "symbol") return String(value)
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value)
  if (ArrayBuffer.isView(value)) return `${withArticle(value.constructor.name)} of ${(value as Uint8Array).length}`
  if (typeof value === "string") return JSON.stringify(value.length <= most ? value : `${value.slice(0, most)}...`)
  let text: string | undefined
  try {
    text = JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner))
  } catch {
    text = undefined // The value contains itself.
  }
  return text === undefined ? kindOf(value) : cut(text, most)
}

const withArticle = (name: string): string => `${/^[AEIOU]/i.test(name) ? "an" : "a"} ${name}`

/** The kind of a value, in words: "a Promise", "an Array of 3", "undefined". */
export const kindOf = (value: unknown): string => {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return `a plain array of ${value.length}`
  if (ArrayBuffer.isView(value)) return brief(value)
  if (typeof value !== "object")
    return typeof value === "function" ? "a function" : `the ${typeof value} ${brief(value)}`
  if (typeof (value as { readonly then?: unknown }).then === "function") return "a Promise"
  const name = (value as { readonly constructor?: { readonly name?: string } }).constructor?.name
  return name === undefined || name === "Object" ? "an object" : withArticle(name)
}

/** The error's own words, on few lines. */
export const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return brief(error, 300)
  const text = cut(error.message === "" ? "no message" : error.message, 300)
  return error.name === "Error" || error.name === "BuildMessage" || error.name === "ResolveMessage"
    ? text
    : `${error.name}: ${text}`
}
