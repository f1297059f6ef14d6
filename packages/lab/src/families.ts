/**
 * The families of models that an experiment knows: the families of its own models, those among its plugins, and the
 * house's, which are the folders `plugins/model-*` of this checkout. The config.json of a model's folder names the
 * family that reads it.
 */
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import type { Family } from "@winnow/core"
import { Context, Effect } from "effect"
import { houseRoot } from "./store/code/house.ts"

const isFamily = (value: unknown): value is Family =>
  typeof value === "function" && "fromConfig" in value && "names" in value && "plugin" in value

let loading: Promise<ReadonlyArray<Family>> | undefined

const find = async (folder: string): Promise<ReadonlyArray<Family>> => {
  const files = (existsSync(folder) ? readdirSync(folder) : [])
    .filter((name) => name.startsWith("model-"))
    .toSorted()
    .map((name) => join(folder, name, "src", "index.ts"))
    .filter(existsSync)
  const modules: ReadonlyArray<Record<string, unknown>> = await Promise.all(
    files.map((file) => import(pathToFileURL(file).href)),
  )
  return modules.flatMap((module) => Object.values(module).filter(isFamily))
}

/** The families of this checkout, by their folders. */
export const houseFamilies: Effect.Effect<ReadonlyArray<Family>> = Effect.promise(
  () => (loading ??= find(join(houseRoot, "plugins"))),
)

/** The families of the running experiment, before those of the house; the house's alone if left out. */
export class Families extends Context.Reference<ReadonlyArray<Family>>("@winnow/lab/Families", {
  defaultValue: () => [],
}) {}

/** The families that can read folders: those of the running experiment, then the house's. */
export const knownFamilies: Effect.Effect<ReadonlyArray<Family>> = Effect.gen(function* () {
  return [...(yield* Families), ...(yield* houseFamilies)]
})

/** The families of an experiment: those of its models, and those among its `plugins`. */
export const familiesOf = (experiment: unknown, plugins: ReadonlyArray<unknown>): ReadonlyArray<Family> => {
  const families = new Set<Family>()
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return
    if ("family" in value && isFamily(value.family)) families.add(value.family)
    else for (const inner of Object.values(value)) visit(inner)
  }
  visit(experiment)
  for (const plugin of plugins) if (isFamily(plugin)) families.add(plugin)
  return [...families]
}
