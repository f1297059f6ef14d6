/** The experiments of this checkout: folders `experiments/NNN-slug` that hold an experiment.ts. */
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import type { Experiment } from "./experiment/define.ts"
import { houseRoot } from "./store/code/house.ts"

export interface Found {
  /** NNN-slug */
  readonly slug: string
  readonly file: string
}

/** All experiments, by number. */
export const findExperiments = (folder: string = join(houseRoot, "experiments")): ReadonlyArray<Found> =>
  (existsSync(folder) ? readdirSync(folder) : [])
    .filter((slug) => /^\d{3}-[a-z0-9-]+$/.test(slug))
    .toSorted()
    .map((slug) => ({ slug, file: join(folder, slug, "experiment.ts") }))
    .filter(({ file }) => existsSync(file))

/**
 * The experiment of a name: its slug, its number, or the slug without the number; a part of it may follow after a slash.
 *
 * @error InvalidInput for a name that none or several have: lists what there is
 */
export const experimentNamed = (name: string, all = findExperiments()): Effect.Effect<Found, InvalidInput> => {
  const matching = all.filter(({ slug }) => slug === name || slug.slice(4) === name || slug.slice(0, 3) === name)
  if (matching.length === 1) return Effect.succeed(matching[0]!)
  const problem = matching.length === 0 ? "there is no such experiment" : "several experiments are called so"
  const have = (matching.length === 0 ? all : matching).map(({ slug }) => slug).join(", ") || "none"
  return Effect.fail(new InvalidInput({ what: `experiment ${name}`, problems: [`${problem}; there are: ${have}`] }))
}

/** One experiment of a file: the only one, or one of several that ask the same of different tasks. */
export interface Part {
  /** null where the file has but one. */
  readonly part: string | null
  readonly preset: string | null
  readonly experiment: Experiment
}

const isExperiment = (value: unknown): value is Experiment =>
  typeof value === "object" && value !== null && "arms" in value && "task" in value

/** What an export of an experiment's file holds; undefined where it is none. */
const partsOf = (exported: unknown, preset: string | null): ReadonlyArray<Part> | undefined => {
  if (isExperiment(exported)) return [{ part: null, preset, experiment: exported }]
  if (typeof exported !== "object" || exported === null) return undefined
  const parts = Object.entries(exported)
  if (parts.length === 0 || !parts.every(([, experiment]) => isExperiment(experiment))) return undefined
  return parts.map(([part, experiment]) => ({ part, preset, experiment: experiment as Experiment }))
}

/**
 * The experiments that a file exports: its default export, an experiment or a record of them by part; with a preset, the
 * export of that name, which asks the same at another size.
 *
 * @error InvalidInput when there is no such export or it is no experiment: lists the presets there are
 */
export const loadExperiment = (
  { slug, file }: Found,
  preset: string | null = null,
): Effect.Effect<ReadonlyArray<Part>, InvalidInput> =>
  Effect.gen(function* () {
    const what = `experiments/${slug}/experiment.ts`
    const loaded = yield* Effect.tryPromise({
      try: () => import(pathToFileURL(file).href) as Promise<Record<string, unknown>>,
      catch: (error) => new InvalidInput({ what, problems: [String(error)] }),
    })
    const parts = partsOf(loaded[preset ?? "default"], preset)
    if (parts !== undefined) return parts
    const presets = Object.keys(loaded).filter((name) => name !== "default" && partsOf(loaded[name], name))
    const problems =
      preset === null
        ? ["has no experiment as its default export; end it with export default defineExperiment({ ... })"]
        : [`has no preset ${preset}; it has ${presets.join(", ") || "none"}`]
    return yield* new InvalidInput({ what, problems })
  })

/** The presets of a file: what `--preset` may name. */
export const presetsOf = ({ file }: Found): Effect.Effect<ReadonlyArray<string>> =>
  Effect.map(
    Effect.promise(() => import(pathToFileURL(file).href) as Promise<Record<string, unknown>>),
    (loaded) => Object.keys(loaded).filter((name) => name !== "default" && partsOf(loaded[name], name)),
  )
