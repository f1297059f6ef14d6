/** Untrusted values in, valid ones or one readable error out: the only door for options and configs. */
import { Effect, type StandardSchema } from "effect"
import { cut, kindOf } from "./contract/brief.ts"
import { nearest } from "./contract/nearest.ts"
import { InvalidInput } from "./errors.ts"
import { fieldsAt } from "./schema-fields.ts"

/** Characters of a problem: a schema's message may contain all of the refused value. */
const longest = 400
/** A schema's message, with only the beginning of a refused object or list. */
const withoutData = (message: string): string => message.replace(/\(was ([[{].{60}).{20,}\)$/s, "(was $1...)")
/** Number of reported problems of one value. */
const most = 12

/** The end of arktype's words for a field that a schema does not have. */
const unknownField = "must be removed"

/** The existing fields beside an unknown one. */
const fieldsBeside = (schema: unknown, input: unknown, path: ReadonlyArray<string>): string => {
  // arktype orders fields by what was defined before in the process.
  const [key, fields] = [path.at(-1) ?? "", [...fieldsAt(schema, path.slice(0, -1), input)].sort()]
  if (fields.length === 0) return ""
  const meant = nearest(key, fields)
  return `; ${meant === undefined ? "" : `did you mean ${meant}? `}there are ${fields.join(", ")}`
}

/** The problem of a value above the path that is no object, so that nothing can be inside it. */
const noObject = (input: unknown, path: ReadonlyArray<string>): string | undefined => {
  let value = input
  for (const [depth, key] of path.entries()) {
    if (typeof value !== "object" || value === null)
      return depth === 0 || typeof value === "function" || value === undefined
        ? undefined
        : `${path.slice(0, depth).join(".")} must be an object (was ${kindOf(value)})`
    value = (value as Readonly<Record<string, unknown>>)[key]
  }
  return undefined
}

/**
 * Validates with any Standard Schema, such as an arktype type.
 *
 * @param what names the thing in the error, such as "filter adaspec"
 * @error InvalidInput with one line a problem, none of them longer than a few hundred characters
 */
export const decode = Effect.fnUntraced(function* <I, O>(
  what: string,
  schema: StandardSchema.StandardSchemaV1<I, O>,
  input: unknown,
): Effect.fn.Return<O, InvalidInput> {
  const pending = schema["~standard"].validate(input)
  const result = pending instanceof Promise ? yield* Effect.promise(() => pending) : pending
  if (result.issues === undefined) return result.value
  const problems = result.issues.map(({ message, path = [] }) => {
    // Array.from, as arktype's paths are arrays of their own: `map` of an empty one gives [0].
    const keys = Array.from(path, (p) => String(typeof p === "object" ? p.key : p))
    const at = keys.join(".")
    const told = noObject(input, keys) ?? (message.startsWith(at) ? message : `${cut(at, 100)}: ${message}`)
    return cut(withoutData(told.endsWith(unknownField) ? told + fieldsBeside(schema, input, keys) : told), longest)
  })
  const more = problems.length > most ? [`and ${problems.length - most} more problems`] : []
  return yield* new InvalidInput({ what, problems: [...problems.slice(0, most), ...more] })
})
