/** Checks the options of a function at its entry; `decode` is the counterpart for code that runs in an Effect. */
import { type Type, type } from "arktype"
import { InvalidInput } from "./errors.ts"

/**
 * The options with their defaults.
 *
 * @param what names the function in the error
 * @error InvalidInput (thrown) with one line for each problem, unknown keys included
 */
export const checkedOptions = <const O extends Type>(what: string, schema: O, options: O["inferIn"]): O["infer"] => {
  const result = schema(options)
  if (result instanceof type.errors) throw new InvalidInput({ what, problems: result.map((e) => e.message) })
  return result as O["infer"]
}
