/** Options of this package's functions, checked where they come in. */
import { InvalidInput } from "@winnow/core"
import { type Type, type } from "arktype"

/**
 * The options with their defaults.
 *
 * @param what names the function in the error
 * @error InvalidInput with one line a problem, unknown keys included
 */
export const checked = <const O extends Type>(what: string, schema: O, options: O["inferIn"]): O["infer"] => {
  const result = schema(options)
  if (result instanceof type.errors) throw new InvalidInput({ what, problems: result.map((e) => e.message) })
  return result as O["infer"]
}
