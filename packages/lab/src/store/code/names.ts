/** The names that a module uses and the variables that it changes, by the language's rules of scope. */
import { bindAll, calledBy, KeptState, type Run, type Scope, type Self, scopeOf } from "./kept-state.ts"
import {
  blockNames,
  bound,
  children,
  isFunction,
  isTree,
  nameOf,
  parsed,
  places,
  type Tree,
  trees,
  varNames,
} from "./syntax.ts"

/** A name that no scope of the module declares. */
export interface FreeName {
  readonly name: string
  /** The property of it that is read, as in `Math.random`; undefined for any other use. */
  readonly member: string | undefined
  /**
   * The form of the use: `new X(...)`, `X(...)` or anything else, with the number of arguments and of literal texts.
   */
  readonly use: "new" | "call" | "other"
  readonly argumentCount: number
  readonly literal: boolean
}

/** The outward relations of a module: free names, imports, variables that change. */
export interface Names {
  readonly free: ReadonlyArray<FreeName>
  /** Sources of static and dynamic imports and of `require`, if they are literal. */
  readonly imports: ReadonlyArray<string>
  /** The imported names of each source; `*` for all of it. */
  readonly imported: ReadonlyArray<{ readonly source: string; readonly name: string }>
  /** The properties of `import.meta` that are read. */
  readonly meta: ReadonlySet<string>
  /** True if the name of an imported module is computed. */
  readonly computedImport: boolean
  /** Variables of the top level that a function changes: they keep traces of earlier calls. */
  readonly changed: ReadonlyArray<string>
  /** Functions and classes that keep state and whose results the top level keeps. */
  readonly statefulCalls: ReadonlyArray<string>
  /** Sources of the imported values that the module changes. */
  readonly changedSources: ReadonlyArray<string>
  /** Imported functions and classes that the top level calls, keeping their results. */
  readonly makers: ReadonlyArray<{ readonly source: string; readonly name: string }>
  /** Exported functions and classes whose results keep state. */
  readonly factories: ReadonlyArray<string>
}

const changes = new Set("push pop shift unshift splice sort reverse fill copyWithin set add delete clear".split(" "))
const changesFirst =
  /^(?:Object\.(?:assign|define\w+|setPrototypeOf)|Reflect\.(?:set|defineProperty|deleteProperty|setPrototypeOf))$/
/** Methods that call their arguments at once. */
const atOnce = new Set("forEach map flatMap filter reduce reduceRight some every from find".split(" "))

/** Syntax through which a value leaves its run. */
const leaving =
  /^(?:ReturnStatement|ArrowFunctionExpression|Property|ArrayExpression|ExportSpecifier|ExportDefaultDeclaration)$/

/**
 * The names of a module.
 *
 * @param code JavaScript, without types
 * @error SyntaxError for code that cannot be parsed
 */
export const namesIn = (code: string): Names => {
  const program = parsed(code)
  const free: Array<FreeName> = []
  const imports: Array<string> = []
  const imported: Array<{ source: string; name: string }> = []
  const sources = new Map<string, { readonly source: string; readonly name: string }>()
  const meta = new Set<string>()
  const changedSources = new Set<string>()
  const makers: Array<{ source: string; name: string }> = []
  /** Exported names, by their names inside of the module. */
  const exported = new Map<string, string>()
  let computedImport = false

  const state = new KeptState((name, how) => {
    const from = sources.get(name)
    if (from && (how === "write" || (from.name !== "*" && /^[./]/.test(from.source)))) changedSources.add(from.source)
    return from !== undefined
  })
  const top: Scope = {
    names: new Set([...blockNames(program["body"]), ...varNames(program)]),
    outer: undefined,
    run: state.top,
    self: undefined,
    values: new Map(),
  }
  bindAll(program["body"], top.values)
  for (const tree of trees(program["body"])) {
    if (tree.type !== "ImportDeclaration") continue
    const source = String((tree["source"] as Tree)["value"])
    for (const one of trees(tree["specifiers"])) {
      const whole = one.type === "ImportNamespaceSpecifier"
      const name = whole ? "*" : (nameOf(one["imported"]) ?? "default")
      sources.set(nameOf(one["local"])!, { source, name })
      imported.push({ source, name })
    }
  }
  /** Calls whose result is only used: `new Parser(text).parse()`, and a call that is a whole statement. */
  const transient = new Set<Tree>()

  const visit = (tree: Tree, scope: Scope, parent: Tree | undefined, self = scope.self, name = "an object"): void => {
    const within = (value: unknown, inner: Scope, own: Self | undefined = inner.self, called?: string) => {
      for (const child of trees(value)) visit(child, inner, tree, own, called)
    }
    const into = (value: unknown) => within(value, scope)
    const inner = (names: ReadonlyArray<string>, more: Partial<Scope> = {}): Scope => ({
      names: new Set(names),
      outer: scope,
      run: scope.run,
      self: scope.self,
      values: new Map(),
      ...more,
    })
    const block = (statements: unknown, names = blockNames(statements)): Scope => {
      const result = inner(names)
      bindAll(statements, result.values)
      return result
    }
    if (isFunction(tree)) {
      const own = tree.type === "FunctionExpression" ? bound(tree["id"]) : []
      const names = [...bound(tree["params"]), ...own, ...(isTree(tree["body"]) ? varNames(tree["body"]) : [])]
      const callee = parent?.type === "CallExpression" ? (parent["callee"] as Tree) : undefined
      const isCalled =
        callee === tree || (callee?.type === "MemberExpression" && atOnce.has(nameOf(callee["property"]) ?? ""))
      const isArrow = tree.type === "ArrowFunctionExpression"
      // The visit knows a method's `this`; for another function only its callers know it.
      const its = isArrow || /^(?:MethodDefinition|Property)$/.test(parent?.type ?? "") ? self : undefined
      const isMaker = parent?.["kind"] === "constructor" && its !== undefined
      const run = isMaker ? its.run : isCalled ? scope.run : state.runOf(tree)
      const scopeInside = inner(isArrow ? names : [...names, "arguments"], { run, self: its, parametersOf: tree })
      within(tree["params"], scopeInside)
      within(tree["body"], scopeInside)
      return
    }
    switch (tree.type) {
      case "Identifier": {
        const name = String(tree["name"])
        const isAsked = parent?.type === "BinaryExpression" && parent["operator"] === "instanceof"
        if (isAsked) return
        if (scopeOf(name, scope)) {
          state.use(name, scope, leaving.test(parent?.type ?? ""))
          return
        }
        const isObject = parent?.type === "MemberExpression" && parent["object"] === tree
        const isCallee = parent !== undefined && parent["callee"] === tree
        const args = isCallee ? trees(parent["arguments"]) : []
        const property = isObject && (parent["computed"] !== true || (parent["property"] as Tree).type === "Literal")
        free.push({
          name,
          member: property ? nameOf(parent["property"]) : undefined,
          use: isCallee ? (parent.type === "NewExpression" ? "new" : "call") : "other",
          argumentCount: args.length,
          literal: args[0]?.type === "Literal",
        })
        if (name === "require" && args[0]?.type === "Literal") imports.push(String(args[0]["value"]))
        return
      }
      case "ImportDeclaration":
      case "ExportAllDeclaration":
        imports.push(String((tree["source"] as Tree)["value"]))
        return
      case "ExportNamedDeclaration":
        if (isTree(tree["source"])) imports.push(String(tree["source"]["value"]))
        else
          for (const one of trees(tree["specifiers"])) {
            exported.set(nameOf(one["local"])!, nameOf(one["exported"])!)
            state.use(nameOf(one["local"])!, scope, true)
          }
        for (const name of blockNames(tree["declaration"])) {
          exported.set(name, name)
          state.use(name, scope, true)
        }
        into(tree["declaration"])
        return
      case "ExportDefaultDeclaration": {
        const what = tree["declaration"] as Tree
        const own = what.type === "Identifier" ? nameOf(what) : nameOf(what["id"])
        if (own !== undefined) exported.set(own, "default")
        else {
          top.values.set("*default", { init: what, path: [] })
          exported.set("*default", "default")
        }
        into(what)
        return
      }
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
      case "VariableDeclarator":
        into(tree["id"])
        within(tree["init"], scope, scope.self, bound(tree["id"])[0])
        return
      case "ObjectExpression": {
        const object: Self = { run: scope.run, name, fields: undefined }
        for (const one of trees(tree["properties"])) {
          if (one.type !== "Property") visit(one, scope, tree)
          else {
            if (one["computed"] === true) visit(one["key"] as Tree, scope, one)
            const value = one["value"] as Tree
            visit(value, scope, one, value.type === "FunctionExpression" ? object : scope.self)
          }
        }
        return
      }
      case "Property":
        if (tree["computed"] === true) into(tree["key"])
        into(tree["value"])
        return
      case "LabeledStatement":
        into(tree["body"])
        return
      case "BreakStatement":
      case "ContinueStatement":
        return
      case "BlockStatement":
        within(tree["body"], block(tree["body"]))
        return
      case "SwitchStatement":
        into(tree["discriminant"])
        within(tree["cases"], block(trees(tree["cases"]).flatMap((one) => trees(one["consequent"]))))
        return
      case "CatchClause":
        within([...trees(tree["param"]), ...trees(tree["body"])], inner(bound(tree["param"])))
        return
      case "ClassDeclaration":
      case "ClassExpression": {
        const own = tree.type === "ClassExpression" ? inner(bound(tree["id"])) : scope
        const run: Run = state.runOf(tree)
        const superClass = tree["superClass"]
        within(superClass, own)
        const base = isTree(superClass) ? calledBy(superClass, own) : undefined
        if (base) run.passesOn.set(base, nameOf(superClass) ?? "a class")
        const body = tree["body"] as Tree
        const named = bound(tree["id"])[0] ?? name
        const instance: Self = { run, name: named, fields: body }
        const itself: Self = { run: scope.run, name: named, fields: undefined }
        for (const member of trees(body["body"])) {
          const ofClass = member["static"] === true || member.type === "StaticBlock"
          const its = ofClass ? itself : instance
          if (member["computed"] === true) visit(member["key"] as Tree, own, member)
          if (member.type === "StaticBlock") {
            const statements = [...blockNames(member["body"]), ...varNames(member)]
            const inside: Scope = { ...inner(statements), outer: own, self: its }
            bindAll(member["body"], inside.values)
            for (const child of trees(member["body"])) visit(child, inside, member)
          } else {
            // The constructor sets an instance's field.
            const at = member.type === "PropertyDefinition" && !ofClass ? { ...inner([]), outer: own, run } : own
            for (const value of trees(member["value"])) visit(value, { ...at, self: its }, member, its)
          }
        }
        return
      }
      case "AssignmentExpression":
        for (const place of places(tree["left"])) state.write(place, scope, "write")
        break
      case "UpdateExpression":
        state.write(tree["argument"] as Tree, scope, "write")
        break
      case "UnaryExpression":
        if (tree["operator"] === "delete") state.write(tree["argument"] as Tree, scope, "write")
        break
      case "ExpressionStatement":
        transient.add(tree["expression"] as Tree)
        break
      case "NewExpression":
      case "CallExpression": {
        const callee = tree["callee"] as Tree
        const args = trees(tree["arguments"])
        let of = callee
        while (of.type === "MemberExpression") of = of["object"] as Tree
        if (of !== callee) transient.add(of)
        const isKept = !transient.has(tree) && parent?.type !== "VariableDeclarator"
        const declaration = calledBy(callee, scope)
        const called = nameOf(callee) ?? nameOf(callee["property"]) ?? "a function"
        if (declaration) state.call(tree, { callee: declaration, name: called, args: args, scope }, isKept)
        const from = callee.type === "Identifier" && scopeOf(called, scope) === top ? sources.get(called) : undefined
        if (from && scope.run === state.top && !transient.has(tree) && /^[./]/.test(from.source)) makers.push(from)
        if (callee.type !== "MemberExpression") break
        const method = nameOf(callee["property"]) ?? ""
        if (changes.has(method)) state.write(callee["object"] as Tree, scope, "method")
        if (args[0] && changesFirst.test(`${nameOf(callee["object"])}.${method}`)) writeInto(args[0], scope)
        break
      }
      case "ForStatement":
      case "ForInStatement":
      case "ForOfStatement": {
        const head = inner(blockNames(tree["init"] ?? tree["left"]))
        bindAll(tree["init"] ?? tree, head.values)
        for (const place of places(tree["left"]))
          if (place.type !== "VariableDeclaration") state.write(place, scope, "write")
        for (const child of children(tree)) visit(child, head, tree)
        return
      }
      default:
    }
    for (const child of children(tree)) visit(child, scope, tree)
  }
  /** Counts as a write to a field. */
  const writeInto = (tree: Tree, scope: Scope) =>
    state.write({ type: "MemberExpression", object: tree, property: { type: "Identifier", name: "*" } }, scope, "write")

  for (const tree of trees(program["body"])) visit(tree, top, program)
  state.passOn()
  const isFactory = (name: string) => {
    const init = top.values.get(name)?.init
    return init !== undefined && (isFunction(init) || /^Class/.test(init.type)) && state.keepsState(state.runOf(init))
  }
  return {
    free,
    imports: [...new Set(imports)],
    imported,
    meta,
    computedImport,
    changed: [...state.changed],
    statefulCalls: state.made,
    changedSources: [...changedSources],
    makers,
    factories: [...exported].flatMap(([name, as]) => (isFactory(name) ? [as] : [])),
  }
}
