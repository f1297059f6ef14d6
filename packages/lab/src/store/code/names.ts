/** The names that a module uses and the variables that it changes: its scopes, as the language has them. */
import { type Node, parse } from "acorn"

type Tree = Readonly<Record<string, unknown>> & { readonly type: string }

/** A name that no scope of the module declares. */
export interface FreeName {
  readonly name: string
  /** The property that is read of it, as in `Math.random`; undefined where it is used in another way. */
  readonly member: string | undefined
  /** How it stands there: `new X(...)`, `X(...)` or anything else, with the number of arguments and of literal texts. */
  readonly use: "new" | "call" | "other"
  readonly given: number
  readonly literal: boolean
}

/** The outward relations of a module: free names, imports, variables that change. */
export interface Names {
  readonly free: ReadonlyArray<FreeName>
  /** Sources of static and dynamic imports and of `require`, where they are literal. */
  readonly imports: ReadonlyArray<string>
  /** Names that are imported from each source; `*` for all of it. */
  readonly imported: ReadonlyArray<{ readonly source: string; readonly name: string }>
  /** Properties that are read of `import.meta`. */
  readonly meta: ReadonlySet<string>
  /** True if a module is imported by a name that is computed. */
  readonly computedImport: boolean
  /** Variables of the top level that a function changes: they keep what an earlier call left. */
  readonly changed: ReadonlyArray<string>
  /** Sources of the imported values that the module changes. */
  readonly changedSources: ReadonlyArray<string>
}

const isTree = (value: unknown): value is Tree =>
  typeof value === "object" && value !== null && typeof (value as { type?: unknown }).type === "string"
const trees = (value: unknown): ReadonlyArray<Tree> =>
  Array.isArray(value) ? value.filter(isTree) : isTree(value) ? [value] : []
const children = (tree: Tree): ReadonlyArray<Tree> => Object.values(tree).flatMap(trees)
const isFunction = ({ type }: Tree) => /Function/.test(type)
const nameOf = (value: unknown): string | undefined =>
  isTree(value)
    ? value["type"] === "Identifier"
      ? String(value["name"])
      : value["type"] === "Literal"
        ? String(value["value"])
        : undefined
    : undefined

/** The names that a pattern binds. */
const bound = (pattern: unknown): ReadonlyArray<string> =>
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
const varNames = (tree: Tree): ReadonlyArray<string> => {
  const own = tree.type === "VariableDeclaration" && tree["kind"] === "var" ? declared(tree) : []
  return [...own, ...children(tree).flatMap((child) => (isFunction(child) ? [] : varNames(child)))]
}

/** Names that statements of one block declare, imports among them. */
const blockNames = (statements: unknown): ReadonlyArray<string> =>
  trees(statements).flatMap((tree) => {
    if (tree.type === "VariableDeclaration") return declared(tree)
    if (tree.type === "FunctionDeclaration" || tree.type === "ClassDeclaration") return bound(tree["id"])
    if (tree.type === "ImportDeclaration") return trees(tree["specifiers"]).flatMap((one) => bound(one["local"]))
    return tree.type.startsWith("Export") ? blockNames(tree["declaration"]) : []
  })

interface Scope {
  readonly names: ReadonlySet<string>
  readonly outer: Scope | undefined
}
const scopeOf = (name: string, scope: Scope): Scope | undefined => {
  for (let at: Scope | undefined = scope; at; at = at.outer) if (at.names.has(name)) return at
  return undefined
}

/** The variable at the root of `a.b[c]`. */
const root = (tree: unknown): string | undefined => {
  let at = tree
  while (isTree(at) && (at.type === "MemberExpression" || at.type === "ChainExpression"))
    at = at["object"] ?? at["expression"]
  return isTree(at) && at.type === "Identifier" ? String(at["name"]) : undefined
}
/** The places that an assignment writes to. */
const places = (pattern: unknown): ReadonlyArray<Tree> =>
  trees(pattern).flatMap((tree) => {
    if (tree.type === "ObjectPattern") return places(tree["properties"])
    if (tree.type === "Property") return places(tree["value"])
    if (tree.type === "ArrayPattern") return places(tree["elements"])
    if (tree.type === "AssignmentPattern") return places(tree["left"])
    return tree.type === "RestElement" ? places(tree["argument"]) : [tree]
  })

const changes = new Set("push pop shift unshift splice sort reverse fill copyWithin set add delete clear".split(" "))
const changesFirst =
  /^(?:Object\.(?:assign|define\w+|setPrototypeOf)|Reflect\.(?:set|defineProperty|deleteProperty|setPrototypeOf))$/
/** Methods that call what they are given at once. */
const atOnce = new Set("forEach map flatMap filter reduce reduceRight some every from find".split(" "))

const parsed = (code: string): Node => {
  const options = { ecmaVersion: "latest", allowReturnOutsideFunction: true, allowHashBang: true } as const
  try {
    return parse(code, { ...options, sourceType: "module" })
  } catch {
    return parse(code, { ...options, sourceType: "script" })
  }
}

/**
 * The names of a module.
 *
 * @param code JavaScript, without types
 * @error SyntaxError where it cannot be parsed
 */
export const namesIn = (code: string): Names => {
  const program = parsed(code) as unknown as Tree
  const top: Scope = { names: new Set([...blockNames(program["body"]), ...varNames(program)]), outer: undefined }
  const free: Array<FreeName> = []
  const imports: Array<string> = []
  const imported: Array<{ source: string; name: string }> = []
  const sources = new Map<string, { readonly source: string; readonly whole: boolean }>()
  const meta = new Set<string>()
  const changed = new Set<string>()
  const changedSources = new Set<string>()
  /** Variables of the top level that hold a list, an object or an instance. */
  const containers = new Set<string>()
  let computedImport = false

  for (const tree of trees(program["body"])) {
    const declaration = tree.type === "ExportNamedDeclaration" ? tree["declaration"] : tree
    for (const one of trees(isTree(declaration) ? declaration["declarations"] : undefined))
      if (isTree(one["init"]) && ["ArrayExpression", "NewExpression"].includes(one["init"].type))
        for (const name of bound(one["id"])) containers.add(name)
    if (tree.type !== "ImportDeclaration") continue
    const source = String((tree["source"] as Tree)["value"])
    for (const one of trees(tree["specifiers"])) {
      const whole = one.type === "ImportNamespaceSpecifier"
      sources.set(nameOf(one["local"])!, { source, whole })
      imported.push({ source, name: whole ? "*" : (nameOf(one["imported"]) ?? "default") })
    }
  }

  /** Notes that a variable is written to. */
  const written = (name: string | undefined, scope: Scope, later: boolean, how: "write" | "method") => {
    if (name === undefined || scopeOf(name, scope) !== top) return
    const from = sources.get(name)
    if (from === undefined) {
      if (later && (how === "write" || containers.has(name))) changed.add(name)
    } else if (how === "write" || (!from.whole && /^[./]/.test(from.source))) changedSources.add(from.source)
  }

  const visit = (tree: Tree, scope: Scope, later: boolean, parent: Tree | undefined): void => {
    const into = (value: unknown, inner = scope, deferred = later) => {
      for (const child of trees(value)) visit(child, inner, deferred, tree)
    }
    const inner = (names: ReadonlyArray<string>): Scope => ({ names: new Set(names), outer: scope })
    if (isFunction(tree)) {
      const own = tree.type === "FunctionExpression" ? bound(tree["id"]) : []
      const names = [...bound(tree["params"]), ...own, ...(isTree(tree["body"]) ? varNames(tree["body"]) : [])]
      const scopeInside = inner(tree.type === "ArrowFunctionExpression" ? names : [...names, "arguments"])
      const callee = parent?.type === "CallExpression" ? (parent["callee"] as Tree) : undefined
      const isCalled =
        callee === tree || (callee?.type === "MemberExpression" && atOnce.has(nameOf(callee["property"]) ?? ""))
      into(tree["params"], scopeInside, later || !isCalled)
      into(tree["body"], scopeInside, later || !isCalled)
      return
    }
    switch (tree.type) {
      case "Identifier": {
        const name = String(tree["name"])
        const isAsked = parent?.type === "BinaryExpression" && parent["operator"] === "instanceof"
        if (isAsked || scopeOf(name, scope)) return
        const isObject = parent?.type === "MemberExpression" && parent["object"] === tree
        const isCallee = parent !== undefined && parent["callee"] === tree
        const given = isCallee ? trees(parent["arguments"]) : []
        const property = isObject && (parent["computed"] !== true || (parent["property"] as Tree).type === "Literal")
        free.push({
          name,
          member: property ? nameOf(parent["property"]) : undefined,
          use: isCallee ? (parent.type === "NewExpression" ? "new" : "call") : "other",
          given: given.length,
          literal: given[0]?.type === "Literal",
        })
        if (name === "require" && given[0]?.type === "Literal") imports.push(String(given[0]["value"]))
        return
      }
      case "ImportDeclaration":
        imports.push(String((tree["source"] as Tree)["value"]))
        return
      case "ExportAllDeclaration":
        imports.push(String((tree["source"] as Tree)["value"]))
        return
      case "ExportNamedDeclaration":
        if (isTree(tree["source"])) imports.push(String(tree["source"]["value"]))
        into(tree["declaration"])
        return
      case "ImportExpression": {
        const source = tree["source"] as Tree
        if (source.type === "Literal") imports.push(String(source["value"]))
        else computedImport = true
        into([source, ...trees(tree["options"])])
        return
      }
      case "MetaProperty":
        if (nameOf(tree["meta"]) === "import")
          meta.add(parent?.type === "MemberExpression" ? (nameOf(parent["property"]) ?? "") : "")
        return
      case "MemberExpression":
        into(tree["object"])
        if (tree["computed"] === true) into(tree["property"])
        return
      case "Property":
      case "MethodDefinition":
      case "PropertyDefinition":
        if (tree["computed"] === true) into(tree["key"])
        into(tree["value"], scope, later || (tree.type === "PropertyDefinition" && tree["static"] !== true))
        return
      case "LabeledStatement":
        into(tree["body"])
        return
      case "BreakStatement":
      case "ContinueStatement":
        return
      case "BlockStatement":
        into(tree["body"], inner(blockNames(tree["body"])))
        return
      case "StaticBlock":
        into(tree["body"], inner([...blockNames(tree["body"]), ...varNames(tree)]))
        return
      case "SwitchStatement":
        into(tree["discriminant"])
        into(tree["cases"], inner(trees(tree["cases"]).flatMap((one) => blockNames(one["consequent"]))))
        return
      case "CatchClause": {
        const caught = inner(bound(tree["param"]))
        into([...trees(tree["param"]), ...trees(tree["body"])], caught)
        return
      }
      case "ClassExpression": {
        const named = inner(bound(tree["id"]))
        into([...trees(tree["superClass"]), ...trees(tree["body"])], named)
        return
      }
      case "AssignmentExpression":
        for (const place of places(tree["left"])) written(root(place), scope, later, "write")
        break
      case "UpdateExpression":
        written(root(tree["argument"]), scope, later, "write")
        break
      case "UnaryExpression":
        if (tree["operator"] === "delete") written(root(tree["argument"]), scope, later, "write")
        break
      case "CallExpression": {
        const callee = tree["callee"] as Tree
        if (callee.type !== "MemberExpression") break
        const method = nameOf(callee["property"]) ?? ""
        if (changes.has(method)) written(root(callee["object"]), scope, later, "method")
        const [first] = trees(tree["arguments"])
        if (changesFirst.test(`${nameOf(callee["object"])}.${method}`)) written(root(first), scope, later, "write")
        break
      }
      case "ForStatement":
      case "ForInStatement":
      case "ForOfStatement": {
        const head = inner(blockNames(tree["init"] ?? tree["left"]))
        for (const place of places(tree["left"])) written(root(place), scope, later, "write")
        for (const child of children(tree)) visit(child, head, later, tree)
        return
      }
      default:
    }
    for (const child of children(tree)) visit(child, scope, later, tree)
  }
  for (const tree of trees(program["body"])) visit(tree, top, false, program)
  return {
    free,
    imports: [...new Set(imports)],
    imported,
    meta,
    computedImport,
    changed: [...changed],
    changedSources: [...changedSources],
  }
}
