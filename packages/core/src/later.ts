/** Types that are built when they are needed: the schemas of a whole experiment would take seconds of every command. */
import { type Traversal, type Type, type } from "arktype"

const builders = new WeakMap<object, () => Type<never>>()

/**
 * A type that arktype builds at its first check, and that is one opaque node to the types around it. arktype copies,
 * hashes and compares every node of a type again in each type that holds it, so types of types of types take seconds.
 *
 * A check copies its value once more: not for large values that are checked often, such as records.
 *
 * A union tells its forms apart by their fields: build it inside, of types that are not opaque themselves.
 *
 * @param build the type, with its defaults and transformations
 */
export const later = <t>(build: () => Type<t>): Type<t> => {
  let built: Type<t> | undefined
  const whole = () => (built ??= build())
  // The outputs of each check by their paths, until the transformation takes them: two checks at each depth would double
  // the work at each.
  const outputs = new WeakMap<Traversal, Map<string, unknown>>()
  const check = (value: unknown, ctx: Traversal): boolean => {
    const output: unknown = whole()(value)
    if (output instanceof type.errors) {
      const prefixPath = [...ctx.path]
      for (const error of output)
        ctx.errors.add(error.transform((input) => ({ ...input, path: [...error.path], prefixPath }) as never))
      return false
    }
    outputs.set(ctx, (outputs.get(ctx) ?? new Map<string, unknown>()).set(ctx.propString, output))
    return true
  }
  const transform = (_: unknown, ctx: Traversal): unknown => outputs.get(ctx)?.get(ctx.propString)
  builders.set(check, whole as never)
  return type("unknown").narrow(check).pipe(transform) as never
}

/** The part of a node of arktype that is read here. */
interface Checked {
  readonly in?: Checked
  readonly inner?: { readonly predicate?: unknown }
}
const predicateOf = (node: unknown): unknown => (node as Checked | undefined)?.inner?.predicate

/** The type inside of one by `later`; any other value as it is. */
export const insideOf = (node: unknown): unknown => {
  const predicates = predicateOf((node as Checked).in ?? node)
  const check = Array.isArray(predicates) ? predicateOf(predicates[0]) : undefined
  const build = typeof check === "function" ? builders.get(check) : undefined
  return build ? build() : node
}
