/**
 * Loads the plugins that the command line names: a file, a folder or an installed package, inside of the checkout or
 * outside.
 */
import { existsSync, realpathSync, statSync } from "node:fs"
import { join, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { type AnyUse, cut, InvalidInput, type PluginKind } from "@winnow/core"
import { Effect } from "effect"
import type { Experiment } from "../experiment/define.ts"
import { importFault } from "../experiment/import-fault.ts"
import type { AnyPlugin } from "../experiment/registry.ts"
import { enter } from "../store/code/module-graph.ts"
import { houseModule, isOutside, provideHouse } from "./house-modules.ts"

/** A plugin as a module exports it, with the schema of its options. */
export interface Exported extends AnyPlugin {
  readonly kind: PluginKind
  readonly plugin: string
  readonly schema: unknown
  readonly use: (options: unknown) => AnyUse
}

const isPlugin = (value: unknown): value is Exported =>
  typeof value === "function" && ["kind", "plugin", "schema", "use"].every((key) => key in value)

/** The file that a text names; undefined if it names no file. */
export const fileOf = (text: string): string | undefined => {
  const path = resolve(text)
  if (existsSync(path)) {
    if (!statSync(path).isDirectory()) return realpathSync(path)
    const inside = ["src/index.ts", "index.ts"].map((name) => join(path, name)).find(existsSync)
    return inside && realpathSync(inside)
  }
  const house = houseModule(text)
  if (house !== undefined) return house
  try {
    return realpathSync(Bun.resolveSync(text, process.cwd()))
  } catch {
    return undefined
  }
}

/** The plugins that a file exports, in the order of their names. @error InvalidInput for one that cannot be imported */
export const pluginsIn = (file: string): Effect.Effect<ReadonlyArray<Exported>, InvalidInput> =>
  Effect.suspend(() => {
    if (isOutside(file)) provideHouse()
    return Effect.tryPromise({
      try: () => import(pathToFileURL(file).href) as Promise<Record<string, unknown>>,
      catch: (error) => importFault(`--plugin ${file}`, file, error),
    }).pipe(
      Effect.tap(() => Effect.sync(() => enter(file))),
      Effect.map((exports) => Object.values(exports).filter(isPlugin)),
    )
  })

/** Plugins of the command line, with their files: other processes load these again. */
export interface Loaded {
  readonly files: ReadonlyArray<string>
  readonly plugins: ReadonlyArray<Exported>
}

/**
 * Loads the plugins of `--plugin`.
 *
 * @error InvalidInput for a text that leads to no file, and for a file without a plugin: states the expected form
 */
export const loadPlugins = (texts: ReadonlyArray<string>): Effect.Effect<Loaded, InvalidInput> =>
  Effect.gen(function* () {
    const files: Array<string> = []
    const plugins: Array<Exported> = []
    for (const text of texts) {
      const what = `--plugin ${cut(text, 120)}`
      const file = fileOf(text)
      if (file === undefined)
        return yield* new InvalidInput({
          what,
          problems: ["leads to no file; expected a file, a folder with src/index.ts, or the name of a package"],
        })
      const exported = yield* pluginsIn(file)
      if (exported.length === 0)
        return yield* new InvalidInput({
          what,
          problems: [`${file} exports no plugin; export the result of defineFilter or one of its siblings`],
        })
      files.push(file)
      plugins.push(...exported)
    }
    return { files, plugins }
  })

/** An experiment that can also name these plugins. */
export const withPlugins = (experiment: Experiment, plugins: ReadonlyArray<AnyPlugin>): Experiment =>
  plugins.length === 0 ? experiment : { ...experiment, plugins: [...(experiment.plugins ?? []), ...plugins] }
