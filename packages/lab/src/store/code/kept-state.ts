/**
 * State that outlives a call: variables of the top level that a function changes, fields of values that the top level
 * makes, and variables that a factory, called at the top level, leaves to the functions that it returns.
 *
 * A run is code that runs at once: the top level, or one call of a function. A variable belongs to the run that
 * declares it. A write by another run, which begins later, makes the first run one that keeps state. A name for a part
 * of another variable (`const s = state`, `const { list } = state`, `for (const row of table)`) stands for that part.
 */
import { isFunction, isTree, nameOf, type Tree, trees } from "./syntax.ts"

/** Code that runs at once. */
export interface Run {
  /** The variable that outlives the run, if there is one. */
  keeps: string | undefined
  /**
   * Functions and classes whose results the run passes on: it returns them, stores them for other runs, or hands them
   * over.
   */
  readonly passesOn: Map<Tree, string>
}

const newRun = (): Run => ({ keeps: undefined, passesOn: new Map() })

/** The meaning of `this`. */
export interface Self {
  /** The constructor's run for an instance; else the run that evaluates the class or the object. */
  readonly run: Run
  readonly name: string
  /** The body of a class, if `this` is an instance of it. */
  readonly fields: Tree | undefined
}

/** A variable's value at its declaration: an expression, and the path into it that a pattern takes. */
interface Value {
  readonly init: Tree
  readonly path: ReadonlyArray<string>
}

export interface Scope {
  readonly names: ReadonlySet<string>
  readonly outer: Scope | undefined
  readonly run: Run
  readonly self: Self | undefined
  readonly values: Map<string, Value>
  /** The function of these parameters. */
  readonly parametersOf?: Tree
}

export const scopeOf = (name: string, scope: Scope): Scope | undefined => {
  for (let at: Scope | undefined = scope; at; at = at.outer) if (at.names.has(name)) return at
  return undefined
}

/** Notes the value of each name of a pattern. */
const bind = (pattern: Tree, value: Value, into: Map<string, Value>): void => {
  const inner = (tree: unknown, key: string) => {
    for (const one of trees(tree)) bind(one, { ...value, path: [...value.path, key] }, into)
  }
  if (pattern.type === "Identifier") into.set(nameOf(pattern)!, value)
  else if (pattern.type === "AssignmentPattern") bind(pattern["left"] as Tree, value, into)
  else if (pattern.type === "ArrayPattern")
    for (const [i, one] of trees(pattern["elements"]).entries()) inner(one, `${i}`)
  else if (pattern.type === "ObjectPattern")
    for (const one of trees(pattern["properties"]))
      if (one.type === "Property") inner(one["value"], nameOf(one["key"]) ?? "*")
}

/** Notes the values that declarations of a block, or of the head of a loop, give to their variables. */
export const bindAll = (statements: unknown, into: Map<string, Value>): void => {
  for (const tree of trees(statements)) {
    if (tree.type.startsWith("Export")) bindAll(tree["declaration"], into)
    if (tree.type === "FunctionDeclaration" || tree.type === "ClassDeclaration") {
      const name = nameOf(tree["id"])
      if (name !== undefined) into.set(name, { init: tree, path: [] })
    }
    if (tree.type === "ForOfStatement") {
      const [one] = trees((tree["left"] as Tree)["declarations"])
      if (one) bind(one["id"] as Tree, { init: tree["right"] as Tree, path: ["*"] }, into)
    }
    for (const one of trees(tree.type === "VariableDeclaration" ? tree["declarations"] : undefined))
      if (trees(one["init"]).length > 0) bind(one["id"] as Tree, { init: one["init"] as Tree, path: [] }, into)
  }
}

/** A part of a variable, or of `this`. */
interface Place {
  readonly scope: Scope
  /** Undefined for `this`. */
  readonly name: string | undefined
  readonly path: ReadonlyArray<string>
}

const deepest = 20

/** The places that an expression may stand for. */
const placesOf = (tree: Tree, scope: Scope, path: ReadonlyArray<string> = [], depth = 0): ReadonlyArray<Place> => {
  if (depth > deepest) return []
  const next = (inner: unknown, more: ReadonlyArray<string> = path) =>
    trees(inner).flatMap((one) => placesOf(one, scope, more, depth + 1))
  switch (tree.type) {
    case "ThisExpression":
      return [{ scope, name: undefined, path }]
    case "Identifier": {
      const name = nameOf(tree)!
      const at = scopeOf(name, scope)
      if (at === undefined) return []
      const value = at.values.get(name)
      const through = value ? placesOf(value.init, at, [...value.path, ...path], depth + 1) : []
      return through.length > 0 ? through : [{ scope: at, name, path }]
    }
    case "MemberExpression": {
      const key = tree["property"] as Tree
      const plain = tree["computed"] !== true || key.type === "Literal"
      const name = key.type === "PrivateIdentifier" ? `#${key["name"]}` : nameOf(key)
      return next(tree["object"], [(plain ? name : undefined) ?? "*", ...path])
    }
    case "ChainExpression":
      return next(tree["expression"])
    case "ConditionalExpression":
      return [...next(tree["consequent"]), ...next(tree["alternate"])]
    case "LogicalExpression":
      return [...next(tree["left"]), ...next(tree["right"])]
    default:
      return []
  }
}

const keyOf = ({ key }: Tree): string | undefined => {
  const tree = key as Tree | undefined
  return tree?.type === "PrivateIdentifier" ? `#${tree["name"]}` : nameOf(tree)
}
const inObject = (tree: Tree, name: string | undefined) =>
  trees(tree["properties"]).find((one) => one.type === "Property" && keyOf(one) === name)?.["value"] as Tree | undefined

/** True if the value at a path is a list, a map or another instance. */
const isContainer = (init: Tree | undefined, path: ReadonlyArray<string>): boolean => {
  if (!isTree(init)) return false
  if (init.type === "ArrayExpression" || init.type === "NewExpression") return true
  return init.type === "ObjectExpression" && isContainer(inObject(init, path[0]), path.slice(1))
}

/** The first value that a class gives to a field, by a field's definition or in its constructor. */
const fieldOf = (body: Tree, name: string | undefined): Tree | undefined => {
  const members = trees(body["body"])
  const field = members.find((one) => one.type === "PropertyDefinition" && keyOf(one) === name)
  if (isTree(field?.["value"])) return field["value"]
  const maker = members.find((one) => one["kind"] === "constructor")?.["value"] as Tree | undefined
  for (const { expression } of trees((maker?.["body"] as Tree | undefined)?.["body"])) {
    const set = expression as Tree | undefined
    const left = set?.type === "AssignmentExpression" ? (set["left"] as Tree) : undefined
    if ((left?.["object"] as Tree | undefined)?.type === "ThisExpression" && nameOf(left!["property"]) === name)
      return set!["right"] as Tree
  }
  return undefined
}

/** The function or class that an expression names. */
export const calledBy = (callee: Tree, scope: Scope): Tree | undefined => {
  const isCode = (tree: Tree | undefined) => tree !== undefined && (isFunction(tree) || /^Class/.test(tree.type))
  if (callee.type === "Identifier") {
    const value = scopeOf(nameOf(callee)!, scope)?.values.get(nameOf(callee)!)
    return value?.path.length === 0 && isCode(value.init) ? value.init : undefined
  }
  const of = callee.type === "MemberExpression" ? (callee["object"] as Tree) : undefined
  if (of?.type !== "Identifier") return undefined
  const init = scopeOf(nameOf(of)!, scope)?.values.get(nameOf(of)!)?.init
  const name = nameOf(callee["property"])
  const isMethod = (one: Tree) => one["static"] === true && keyOf(one) === name
  const field = init && (inObject(init, name) ?? trees((init["body"] as Tree | undefined)?.["body"]).find(isMethod))
  const code = field?.type === "MethodDefinition" ? (field["value"] as Tree) : field
  return isCode(code) ? code : undefined
}

interface Call {
  readonly callee: Tree
  readonly name: string
  readonly args: ReadonlyArray<Tree>
  readonly scope: Scope
}
type How = "write" | "method"
interface ParameterWrite {
  readonly index: number
  readonly path: ReadonlyArray<string>
  readonly how: How
}

/** The writes and calls of a module, collected in one visit, and the state that they leave. */
export class KeptState {
  readonly top = newRun()
  /** Variables of the top level that change later. */
  readonly changed = new Set<string>()
  readonly #runs = new Map<Tree, Run>()
  readonly #calls = new Map<Tree, Call>()
  readonly #parameters = new Map<Tree, ReadonlyArray<ParameterWrite>>()

  /** @param onImport called for a write to a name of the top level; returns true if the name is imported */
  constructor(readonly onImport: (name: string, how: How) => boolean) {}

  /** The run of a function's calls, or of a class's constructor. */
  runOf(tree: Tree): Run {
    const existing = this.#runs.get(tree)
    if (existing) return existing
    const run = newRun()
    this.#runs.set(tree, run)
    return run
  }

  /** Notes a call of a function or class of the module. @param isKept true if its result is passed on, not only used */
  call(tree: Tree, call: Call, isKept: boolean): void {
    this.#calls.set(tree, call)
    if (isKept) call.scope.run.passesOn.set(call.callee, call.name)
  }

  /** Notes a use of a variable. @param isPassedOn true if its value leaves the run at this place */
  use(name: string, scope: Scope, isPassedOn: boolean): void {
    const at = scopeOf(name, scope)
    const init = at?.values.get(name)?.init
    if (init === undefined || (at!.run === scope.run && !isPassedOn)) return
    const { callee, given } = { callee: init["callee"] as Tree | undefined, given: trees(init["arguments"]) }
    const definition = callee && calledBy(callee, at!)
    if (definition)
      this.call(init, { callee: definition, name: nameOf(callee) ?? "a method", args: given, scope: at! }, true)
  }

  /** Notes a write to a place, or the call of a method on it that changes a list or a map. */
  write(tree: Tree, scope: Scope, how: How): void {
    const name = tree.type === "Identifier" && how === "write" ? nameOf(tree) : undefined
    const own = name === undefined ? undefined : scopeOf(name, scope)
    // An assignment to a variable changes the variable itself; an assignment to a part may change another variable's
    // part.
    if (own !== undefined) this.#note({ scope: own, name, path: [] }, scope.run, how)
    else for (const place of placesOf(tree, scope)) this.#note(place, scope.run, how)
  }

  #note({ scope, name, path }: Place, run: Run, how: How): void {
    if (name === undefined) {
      const { self } = scope
      if (self === undefined || self.run === run) return
      if (how === "method" && self.fields && !isContainer(fieldOf(self.fields, path[0]), path.slice(1))) return
      this.#keep(self.run, self.name)
      return
    }
    if (scope.run === this.top && this.onImport(name, how)) return
    const { parametersOf } = scope
    if (parametersOf !== undefined && (path.length > 0 || how === "method")) {
      const index = trees(parametersOf["params"]).findIndex((one) => nameOf(one) === name)
      const writes = this.#parameters.get(parametersOf) ?? []
      if (index >= 0) this.#parameters.set(parametersOf, [...writes, { index, path, how }])
    }
    if (scope.run === run) return
    const value = scope.values.get(name)
    if (how === "method" && !(value && isContainer(value.init, [...value.path, ...path]))) return
    this.#keep(scope.run, name)
  }

  #keep(run: Run, name: string): void {
    if (run === this.top) this.changed.add(name)
    else run.keeps ??= name
  }

  /** Counts a function's writes to its arguments as writes of its callers; called once, after the visit. */
  passOn(): void {
    const done = new Set<string>()
    const calls = [...this.#calls.values()]
    for (let before = -1; before < done.size; ) {
      before = done.size
      for (const [c, { callee, args: given, scope }] of calls.entries())
        for (const { index, path, how } of this.#parameters.get(callee) ?? []) {
          const id = `${c} ${index} ${path.join(".")} ${how}`
          if (given[index] === undefined || done.has(id) || path.length > deepest) continue
          done.add(id)
          for (const place of placesOf(given[index], scope))
            this.#note({ ...place, path: [...place.path, ...path] }, scope.run, how)
        }
    }
  }

  /** True if the results of a run keep state. */
  keepsState(run: Run, seen = new Set<Run>()): boolean {
    if (seen.has(run)) return false
    seen.add(run)
    return run.keeps !== undefined || [...run.passesOn.keys()].some((tree) => this.keepsState(this.runOf(tree), seen))
  }

  /** Factories and classes of the module whose state the top level keeps. */
  get made(): ReadonlyArray<string> {
    return [...this.top.passesOn].flatMap(([tree, name]) => (this.keepsState(this.runOf(tree)) ? [name] : []))
  }
}
