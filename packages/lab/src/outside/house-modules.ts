/**
 * Makes the packages of this checkout available to files anywhere: `@winnow/core` and its siblings, the plugins of the
 * house, effect and arktype. A plugin outside of the checkout needs no links and no install, and shares the house's
 * instances.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { plugin } from "bun"
import { houseRoot } from "../store/code/house.ts"

/** Names by which a package is imported: its own, and those of its further entries, such as `@winnow/data/own`. */
const entriesOf = ({ name, exports = {} }: { readonly name: string; readonly exports?: object }) =>
  Object.keys(exports).map((entry) => name + entry.slice(1))

/** Names of all that the workspace's packages export, from their manifests. */
const workspaceNames = (): ReadonlyArray<string> =>
  ["packages", "plugins", "experiments"].flatMap((kind) =>
    readdirSync(join(houseRoot, kind), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap((entry) => {
        try {
          const text = readFileSync(join(houseRoot, kind, entry.name, "package.json"), "utf8")
          return entriesOf(JSON.parse(text) as Parameters<typeof entriesOf>[0])
        } catch {
          return [] // The folder has no package.
        }
      }),
  )

let names: ReadonlySet<string> | undefined

/** Modules that a file outside of the checkout may import by name. */
export const houseModules = (): ReadonlySet<string> => (names ??= new Set([...workspaceNames(), "effect", "arktype"]))

/**
 * The file of a house module, by the module's name; undefined for any other name, and for a package that is not
 * installed.
 */
export const houseModule = (name: string): string | undefined => {
  if (!houseModules().has(name)) return undefined
  try {
    return Bun.resolveSync(name, houseRoot)
  } catch {
    return undefined
  }
}

let provided = false

/** Makes the house's modules known to every import of this process. Call it before loading a file from outside. */
export const provideHouse = (): void => {
  if (provided) return
  provided = true
  plugin({
    name: "winnow-house",
    setup: (build) => {
      for (const name of houseModules()) {
        const file = houseModule(name)
        if (file === undefined) continue
        build.module(name, async () => ({ exports: await import(pathToFileURL(file).href), loader: "object" }))
      }
    },
  })
}

/** True if a file lies outside of this checkout. */
export const isOutside = (file: string): boolean => !file.startsWith(join(houseRoot, "/"))
