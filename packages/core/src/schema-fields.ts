/** The fields that a schema knows, for errors that list them. */
import { insideOf } from "./later.ts"

/** One form of a schema. */
interface Branch {
  readonly props?: ReadonlyArray<{ readonly key: string | symbol; readonly value: Node }>
  readonly structure?: {
    readonly index?: ReadonlyArray<{ readonly value: Node }>
    readonly sequence?: { readonly variadic?: Node }
  }
}

/** The part of an arktype schema that is read here. */
interface Node {
  readonly in?: Node
  readonly allows?: (value: unknown) => boolean
  readonly distribute?: <A, B>(branch: (one: Branch) => A, all: (each: ReadonlyArray<A>) => B) => B
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

const branchesOf = (node: Node, value: unknown): ReadonlyArray<Branch> => {
  const all =
    (node.in ?? node).distribute?.(
      (one) => one,
      (each) => each,
    ) ?? []
  if (!isObject(value) || typeof value["kind"] !== "string") return all
  // The value selects one of several forms.
  const meant = all.filter(({ props = [] }) =>
    props.some(({ key, value: of }) => key === "kind" && of.allows?.(value["kind"])),
  )
  return meant.length > 0 ? meant : all
}

/**
 * Names of the fields of the object at a path of a schema; those of all its forms if the value does not select one.
 * None for a schema of another library, and for a schema that allows any field.
 *
 * @param value the value of the schema: its `kind` selects a form of a union
 */
export const fieldsAt = (schema: unknown, path: ReadonlyArray<string> = [], value?: unknown): ReadonlyArray<string> => {
  const branches = branchesOf(insideOf(schema) as Node, value)
  const [key, ...deeper] = path
  if (key === undefined)
    return [...new Set(branches.flatMap(({ props = [] }) => props.map((prop) => String(prop.key))))]
  const inner = isObject(value) ? value[key] : undefined
  const nodes = branches.flatMap(({ props = [], structure: { index = [], sequence } = {} }) => {
    const own = props.find((prop) => prop.key === key)
    if (own !== undefined) return [own.value]
    return [...index.map((each) => each.value), ...(sequence?.variadic ? [sequence.variadic] : [])]
  })
  return [...new Set(nodes.flatMap((node) => fieldsAt(node, deeper, inner)))]
}
