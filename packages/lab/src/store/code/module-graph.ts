/** Finds the files that decide the behaviour of a module: its own, and all that it imports, anywhere on the disk. */
import { existsSync, readFileSync, realpathSync } from "node:fs"
import { isBuiltin } from "node:module"
import { dirname, extname, join, sep } from "node:path"
import { sha256, sha256OfFile } from "@winnow/files"
import { houseModule, isOutside } from "../../outside/house-modules.ts"
import { isHouseSource } from "./house.ts"
import { type Names, namesIn } from "./names.ts"
import { keepsStateOf, outsideState } from "./outside-state.ts"

/** The files and packages that some modules reach. */
export interface ModuleGraph {
  /** SHA-256 of each file by its path, over the code that runs: comments, types and line breaks change nothing. */
  readonly files: ReadonlyMap<string, string>
  /** Version of each package, with a hash of the file that is imported. */
  readonly packages: ReadonlyMap<string, string>
  /** Sentences on influences on the result that neither files nor packages show; empty if there is none. */
  readonly untold: ReadonlyArray<string>
}

interface Module {
  readonly hash: string
  readonly imports: ReadonlyArray<string>
  /** The modules among these whose values it changes. */
  readonly changes: ReadonlyArray<string>
  /** Imported factories whose results it keeps, and exported ones whose results keep state. */
  readonly makers: Names["makers"]
  readonly factories: ReadonlyArray<string>
  /** True if an import states its format (`with { type: "text" }`): the file then counts as it is written. */
  readonly raw: boolean
  readonly untold: ReadonlyArray<string>
}

const loaders: Readonly<Record<string, "ts" | "tsx" | "js" | "jsx">> = {
  ".ts": "ts",
  ".mts": "ts",
  ".cts": "ts",
  ".tsx": "tsx",
  ".js": "js",
  ".mjs": "js",
  ".cjs": "js",
  ".jsx": "jsx",
}

const printers = new Map<string, { readonly text: Bun.Transpiler; readonly dense: Bun.Transpiler }>()
const printer = (loader: "ts" | "tsx" | "js" | "jsx") => {
  const existing = printers.get(loader)
  if (existing) return existing
  const made = {
    text: new Bun.Transpiler({ loader, deadCodeElimination: false }),
    dense: new Bun.Transpiler({ loader, deadCodeElimination: false, minifyWhitespace: true }),
  }
  printers.set(loader, made)
  return made
}

/**
 * A function that computes each answer once. A module runs in the form in which the process loaded it, so an answer about
 * its files holds as long as the process; one that is undefined is asked again.
 */
const once = <A>(compute: (of: string) => A): ((of: string) => A) => {
  const known = new Map<string, A>()
  return (of) => {
    const before = known.get(of)
    if (before !== undefined) return before
    const answer = compute(of)
    if (answer !== undefined) known.set(of, answer)
    return answer
  }
}

const moduleOf = once((file: string): Module => {
  const extension = extname(file)
  const loader = Object.hasOwn(loaders, extension) ? loaders[extension] : undefined
  const none = { imports: [], changes: [], makers: [], factories: [], raw: false, untold: [] }
  if (loader === undefined) return { hash: sha256OfFile(file), ...none }
  const source = readFileSync(file, "utf8")
  const { text, dense } = printer(loader)
  const scanned = text.scanImports(source).map(({ path }) => path)
  let names: Names | undefined
  try {
    names = namesIn(text.transformSync(source))
  } catch {}
  const outside = names === undefined ? "cannot be read as JavaScript" : outsideState(names)
  return {
    hash: sha256(dense.transformSync(source)),
    imports: [...new Set([...scanned, ...(names?.imports ?? [])])].filter((name) => !name.startsWith("bun:wrap")),
    changes: names?.changedSources ?? [],
    makers: names?.makers ?? [],
    factories: names?.factories ?? [],
    raw: /\bwith\s*:?\s*\{[^}]*\btype["']?\s*:/.test(source),
    untold: outside === undefined ? [] : [`${file} ${outside}`],
  }
})

/** Files of experiments that this process has loaded: their modules may change values that plugins read. */
const entered = new Set<string>()

/** Notes a loaded file: it leads to modules that may change the exports of others. */
export const enter = (file: string): void => {
  if (entered.has(file)) return
  entered.add(file)
  changing = undefined
  graphs.clear()
}

const importsFrom = once((folder: string) =>
  once((name: string): string | undefined => {
    const house = isOutside(join(folder, sep)) ? houseModule(name) : undefined
    if (house !== undefined) return realpathSync(house)
    try {
      const path = Bun.resolveSync(name, folder)
      return isBuiltin(path) || path.startsWith("bun:") ? undefined : realpathSync(path)
    } catch {
      return undefined
    }
  }),
)

/**
 * The file of an import; undefined for modules of the platform and for files that do not exist. Outside of the checkout
 * the house's modules come first, as they do when the file is loaded.
 */
const resolved = (name: string, importer: string): string | undefined => importsFrom(dirname(importer))(name)

type Changers = ReadonlyArray<readonly [file: string, changed: ReadonlyArray<string>]>

/** The changers of the experiments so far. */
let changing: Changers | undefined

/** The modules that the experiments reach, each with the files whose values it changes. */
const changers = (): Changers => {
  const seen = new Map<string, ReadonlyArray<string>>()
  const visit = (file: string): void => {
    if (seen.has(file) || isHouseSource(file) || file.includes(`${sep}node_modules${sep}`)) return
    const { imports, changes } = moduleOf(file)
    const leads = (names: ReadonlyArray<string>) => names.flatMap((name) => resolved(name, file) ?? [])
    seen.set(file, leads(changes))
    for (const inner of leads(imports)) visit(inner)
  }
  for (const file of entered) if (existsSync(file)) visit(realpathSync(file))
  return [...seen].filter(([, changed]) => changed.length > 0)
}

/** The package of a file in a node_modules folder: its name, and its version with a hash of the file. */
const packageOf = once((file: string): readonly [name: string, version: string] | undefined => {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    const manifest = join(folder, "package.json")
    if (!existsSync(manifest)) continue
    const { name, version } = JSON.parse(readFileSync(manifest, "utf8")) as { name?: string; version?: string }
    if (name !== undefined && version !== undefined) return [name, `${version} ${sha256OfFile(file).slice(0, 16)}`]
  }
  return undefined
})

/** The graphs so far, by their entries. */
const graphs = new Map<string, ModuleGraph>()

/**
 * The graph of some files, without the sources of this house's packages: their revision stands for them.
 *
 * A package in a node_modules folder counts by its version, a linked package by its files. A module of an experiment
 * that changes an export of one of these files counts too.
 */
export const moduleGraph = (entries: ReadonlyArray<string>): ModuleGraph => {
  const known = graphs.get(entries.join("\0"))
  if (known) return known
  const graph = newGraph(entries)
  graphs.set(entries.join("\0"), graph)
  return graph
}

const newGraph = (entries: ReadonlyArray<string>): ModuleGraph => {
  const files = new Map<string, string>()
  const packages = new Map<string, string>()
  const untold: Array<string> = []
  const visit = (path: string): void => {
    const file = realpathSync(path)
    if (files.has(file) || isHouseSource(file)) return
    if (file.includes(`${sep}node_modules${sep}`)) {
      const owner = packageOf(file)
      if (owner === undefined) untold.push(`${file} is of a package without name and version`)
      else packages.set(...owner)
      return
    }
    const module = moduleOf(file)
    files.set(file, module.hash)
    untold.push(...module.untold)
    for (const name of module.imports) {
      if (isBuiltin(name) || name === "bun" || name.startsWith("bun:")) continue
      const path = resolved(name, file)
      if (path === undefined) {
        untold.push(`${file} imports ${name}, which cannot be found`)
        continue
      }
      visit(path)
      const isMaker = ({ source, name: maker }: Names["makers"][number]) =>
        source === name && files.has(path) && moduleOf(path).factories.includes(maker)
      const kept = module.makers.find(isMaker)
      if (kept) untold.push(`${file} ${keepsStateOf(kept.name)}`)
      if (module.raw && Object.hasOwn(loaders, extname(path)) && files.has(path))
        files.set(path, sha256(`${moduleOf(path).hash} ${sha256OfFile(path)}`))
    }
  }
  for (const entry of entries) {
    if (existsSync(entry)) visit(entry)
    else untold.push(`${entry} is not there`)
  }
  changing ??= changers()
  for (let before = -1; before < files.size; ) {
    before = files.size
    for (const [file, changed] of changing) if (changed.some((path) => files.has(path))) visit(file)
  }
  return { files, packages, untold }
}
