/** The files that decide what a module does: its own, and all that it imports, wherever they lie. */
import { existsSync, readFileSync, realpathSync } from "node:fs"
import { isBuiltin } from "node:module"
import { dirname, extname, join, sep } from "node:path"
import { sha256, sha256OfFile } from "@winnow/files"
import { isHouseSource } from "./house.ts"
import { outsideState } from "./outside-state.ts"

/** All that is reached from some modules. */
export interface ModuleGraph {
  /** SHA-256 of each file by its path. Code counts as it runs: comments, types and line breaks change nothing. */
  readonly files: ReadonlyMap<string, string>
  /** Version of each package, with a hash of the file that is imported. */
  readonly packages: ReadonlyMap<string, string>
  /** Sentences on what decides the result and is in none of these; empty where the graph says all. */
  readonly untold: ReadonlyArray<string>
}

interface Module {
  readonly hash: string
  readonly imports: ReadonlyArray<string>
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
  const there = printers.get(loader)
  if (there) return there
  const made = {
    text: new Bun.Transpiler({ loader, deadCodeElimination: false }),
    dense: new Bun.Transpiler({ loader, deadCodeElimination: false, minifyWhitespace: true }),
  }
  printers.set(loader, made)
  return made
}

/** A module runs as it was when the process loaded it, so a file is read once. */
const modules = new Map<string, Module>()

const readModule = (file: string): Module => {
  const extension = extname(file)
  const loader = Object.hasOwn(loaders, extension) ? loaders[extension] : undefined
  if (loader === undefined) return { hash: sha256OfFile(file), imports: [], untold: [] }
  const source = readFileSync(file, "utf8")
  const { text, dense } = printer(loader)
  const imports = text.scanImports(source).map(({ path }) => path)
  const outside = outsideState(text.transformSync(source), imports)
  return {
    hash: sha256(dense.transformSync(source)),
    imports,
    untold: outside === undefined ? [] : [`${file} ${outside}`],
  }
}

const moduleOf = (file: string): Module => {
  const there = modules.get(file)
  if (there) return there
  const read = readModule(file)
  modules.set(file, read)
  return read
}

/** The package that a file in a node_modules folder is of. */
const packageOf = (file: string): { readonly name: string; readonly version: string } | undefined => {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    const manifest = join(folder, "package.json")
    if (!existsSync(manifest)) continue
    const { name, version } = JSON.parse(readFileSync(manifest, "utf8")) as { name?: string; version?: string }
    if (name !== undefined && version !== undefined) return { name, version }
  }
  return undefined
}

/**
 * The graph of some files. Sources of this house's packages are left out: their revision stands for them.
 *
 * A package in a node_modules folder counts by its version; one that is linked there counts by its files.
 */
export const moduleGraph = (entries: ReadonlyArray<string>): ModuleGraph => {
  const files = new Map<string, string>()
  const packages = new Map<string, string>()
  const untold: Array<string> = []
  const visit = (path: string): void => {
    const file = realpathSync(path)
    if (files.has(file) || isHouseSource(file)) return
    if (file.includes(`${sep}node_modules${sep}`)) {
      const found = packageOf(file)
      if (found === undefined) untold.push(`${file} is of a package without name and version`)
      else packages.set(found.name, `${found.version} ${sha256OfFile(file).slice(0, 16)}`)
      return
    }
    const module = moduleOf(file)
    files.set(file, module.hash)
    untold.push(...module.untold)
    for (const name of module.imports) {
      if (isBuiltin(name) || name === "bun" || name.startsWith("bun:")) continue
      try {
        visit(Bun.resolveSync(name, dirname(file)))
      } catch {
        untold.push(`${file} imports ${name}, which cannot be found`)
      }
    }
  }
  for (const entry of entries) {
    if (existsSync(entry)) visit(entry)
    else untold.push(`${entry} is not there`)
  }
  return { files, packages, untold }
}
