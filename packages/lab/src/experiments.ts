/** The experiments of this checkout: folders `experiments/NNN-slug` that hold an experiment.ts. */
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import type { Experiment } from "./experiment/define.ts"
import { houseRoot } from "./store/code-version.ts"

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
 * The experiment of a name: its slug, its number, or the slug without the number.
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

/** @error InvalidInput when the file does not export an experiment */
export const loadExperiment = ({ slug, file }: Found): Effect.Effect<Experiment, InvalidInput> =>
  Effect.gen(function* () {
    const loaded = yield* Effect.tryPromise({
      try: () => import(pathToFileURL(file).href) as Promise<{ default?: Experiment }>,
      catch: (error) => new InvalidInput({ what: `experiments/${slug}/experiment.ts`, problems: [String(error)] }),
    })
    if (loaded.default?.arms !== undefined) return loaded.default
    const problems = ["has no experiment as its default export; end it with export default defineExperiment({ ... })"]
    return yield* new InvalidInput({ what: `experiments/${slug}/experiment.ts`, problems })
  })
