/** Untrusted values in, valid ones or one readable error out: the only door for options and configs. */
import { Effect, type StandardSchema } from "effect"
import { cut } from "./contract/brief.ts"
import { InvalidInput } from "./errors.ts"

/** Characters of a problem: a schema's message may hold all of the value that it refuses. */
const longest = 400
/** A schema's words, of the object or list that it refuses no more than the beginning. */
const withoutData = (message: string): string => message.replace(/\(was ([[{].{60}).{20,}\)$/s, "(was $1...)")
/** Problems of one value that are told. */
const most = 12

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
    const at = Array.from(path, (p) => String(typeof p === "object" ? p.key : p)).join(".")
    return cut(withoutData(message.startsWith(at) ? message : `${cut(at, 100)}: ${message}`), longest)
  })
  const more = problems.length > most ? [`and ${problems.length - most} more problems`] : []
  return yield* new InvalidInput({ what, problems: [...problems.slice(0, most), ...more] })
})
