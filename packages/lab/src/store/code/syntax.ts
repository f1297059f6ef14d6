/** The syntax tree of a module, and the declarations of its nodes. */
import { type Node, parse } from "acorn"

/** A node of the tree. */
export type Tree = Readonly<Record<string, unknown>> & { readonly type: string }

/** True for a node. */
export const isTree = (value: unknown): value is Tree =>
  typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string"
/** The nodes of a field. */
export const trees = (value: unknown): ReadonlyArray<Tree> =>
  Array.isArray(value) ? value.filter(isTree) : isTree(value) ? [value] : []
/** The nodes below a node. */
export const children = (tree: Tree): ReadonlyArray<Tree> => Object.values(tree).flatMap(trees)
/** True for a function of any kind. */
export const isFunction = ({ type }: Tree) => /Function/.test(type)
/** The name of an identifier, or the value of a literal, as text. */
export const nameOf = (value: unknown): string | undefined =>
  isTree(value)
    ? value["type"] === "Identifier"
      ? String(value["name"])
      : value["type"] === "Literal"
        ? String(value["value"])
        : undefined
    : undefined

/** The names that a pattern binds. */
export const bound = (pattern: unknown): ReadonlyArray<string> =>
  trees(pattern).flatMap((tree) => {
    if (tree.type === "Identifier") return [String(tree["name"])]
    if (tree.type === "ObjectPattern") return bound(tree["properties"])
    if (tree.type === "Property") return bound(tree["value"])
    if (tree.type === "ArrayPattern") return bound(tree["elements"])
    if (tree.type === "AssignmentPattern") return bound(tree["left"])
    return tree.type === "RestElement" ? bound(tree["argument"]) : []
  })
const declared = (tree: Tree) => trees(tree["declarations"]).flatMap((one) => bound(one["id"]))

/** Names of `var` below a tree, functions left out. */
export const varNames = (tree: Tree): ReadonlyArray<string> => {
  const own = tree.type === "VariableDeclaration" && tree["kind"] === "var" ? declared(tree) : []
  return [...own, ...children(tree).flatMap((child) => (isFunction(child) ? [] : varNames(child)))]
}

/** Names that statements of one block declare, imports among them. */
export const blockNames = (statements: unknown): ReadonlyArray<string> =>
  trees(statements).flatMap((tree) => {
    if (tree.type === "VariableDeclaration") return declared(tree)
    if (tree.type === "FunctionDeclaration" || tree.type === "ClassDeclaration") return bound(tree["id"])
    if (tree.type === "ImportDeclaration") return trees(tree["specifiers"]).flatMap((one) => bound(one["local"]))
    return tree.type.startsWith("Export") ? blockNames(tree["declaration"]) : []
  })

/** The places that an assignment writes to. */
export const places = (pattern: unknown): ReadonlyArray<Tree> =>
  trees(pattern).flatMap((tree) => {
    if (tree.type === "ObjectPattern") return places(tree["properties"])
    if (tree.type === "Property") return places(tree["value"])
    if (tree.type === "ArrayPattern") return places(tree["elements"])
    if (tree.type === "AssignmentPattern") return places(tree["left"])
    return tree.type === "RestElement" ? places(tree["argument"]) : [tree]
  })

// The visit checks the fields of a node one by one, for any type.
const asTree = (node: Node) => node as unknown as Tree

/** The tree of a module or a script. @error SyntaxError for code that cannot be parsed */
export const parsed = (code: string): Tree => {
  const options = { ecmaVersion: "latest", allowReturnOutsideFunction: true, allowHashBang: true } as const
  try {
    return asTree(parse(code, { ...options, sourceType: "module" }))
  } catch {
    return asTree(parse(code, { ...options, sourceType: "script" }))
  }
}
