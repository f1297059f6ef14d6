/** Finds the experiments of this checkout: folders `experiments/NNN-slug` with an experiment.ts. */
import { existsSync, readdirSync, realpathSync, statSync } from "node:fs"
import { homedir } from "node:os"
import { basename, dirname, join, relative, resolve as resolvePath } from "node:path"
import { pathToFileURL } from "node:url"
import { cut, InvalidInput, nearest, ofThese } from "@winnow/core"
import { Cause, Effect } from "effect"
import type { Experiment } from "./experiment/define.ts"
import { encodingProblem, importFault } from "./experiment/import-fault.ts"
import { isOutside, provideHouse } from "./outside/house-modules.ts"
import { houseRoot } from "./store/code/house.ts"
import { enter } from "./store/code/module-graph.ts"

export interface ExperimentFile {
  /** NNN-slug */
  readonly slug: string
  readonly file: string
}

/** All experiments: numbered ones by number, then the others by name. */
export const findExperiments = (folder: string = join(houseRoot, "experiments")): ReadonlyArray<ExperimentFile> =>
  (existsSync(folder) ? readdirSync(folder) : [])
    .filter((slug) => /^[a-z0-9][a-z0-9-]*$/.test(slug))
    .toSorted()
    .map((slug) => ({ slug, file: join(folder, slug, "experiment.ts") }))
    .filter(({ file }) => existsSync(file))

/** True if a text is the path of an experiment, not its name. */
const isPath = (text: string): boolean => /^(~|\.{0,2}\/|\.{1,2}$)/.test(text) || /\.[cm]?tsx?$/.test(text)

/** A name for the folder of results, from a file's or folder's name: lower-case letters, digits and hyphens. */
const slugOf = (file: string): string => {
  const own = basename(file).replace(/\.[cm]?tsx?$/, "")
  const name = own === "experiment" ? basename(dirname(file)) : own
  return (
    name
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, "-")
      .replaceAll(/^-|-$/g, "") || "experiment"
  )
}

/**
 * The experiment at a path: a file, or a folder with an experiment.ts, inside of the checkout or outside.
 *
 * @error InvalidInput if there is no experiment at the path
 */
const experimentAt = (path: string): Effect.Effect<ExperimentFile, InvalidInput> => {
  const at = resolvePath(path.startsWith("~/") ? join(homedir(), path.slice(2)) : path)
  const file = existsSync(at) && statSync(at).isDirectory() ? join(at, "experiment.ts") : at
  if (existsSync(file)) return Effect.succeed({ slug: slugOf(file), file: realpathSync(file) })
  const problems = [`there is no file ${file}; expected an experiment's file, or a folder that holds an experiment.ts`]
  return Effect.fail(new InvalidInput({ what: `experiment ${cut(path, 80)}`, problems }))
}

/**
 * The experiment and the part that a text names: a name with `/part` after it, or a path with `#part` after it.
 *
 * @error InvalidInput where there is no such experiment
 */
export const experimentOf = (
  text: string,
): Effect.Effect<{ readonly found: ExperimentFile; readonly part: string | undefined }, InvalidInput> => {
  const [name = "", part] = isPath(text.split("#")[0]!) ? text.split("#") : text.split("/")
  return Effect.map(isPath(name) ? experimentAt(name) : experimentNamed(name), (experiment) => ({
    found: experiment,
    part,
  }))
}

/** The file of an experiment in messages: a path from the checkout's root if it lies within. */
const shortPath = (file: string): string => (isOutside(file) ? file : relative(houseRoot, file))

/**
 * The experiment with a name: its slug, its number, or the slug without the number; a part may follow after a slash.
 *
 * @error InvalidInput for a name of none or of several: lists all experiments
 */
export const experimentNamed = (name: string, all = findExperiments()): Effect.Effect<ExperimentFile, InvalidInput> => {
  const isNumbered = (slug: string) => /^\d{3}-/.test(slug)
  const matching = all.filter(
    ({ slug }) => slug === name || (isNumbered(slug) && (slug.slice(4) === name || slug.slice(0, 3) === name)),
  )
  if (matching.length === 1) return Effect.succeed(matching[0]!)
  // A name may leave out the number, and so may a name that is nearly right.
  const bare = new Map(all.map(({ slug }) => [isNumbered(slug) ? slug.slice(4) : slug, slug]))
  const near = nearest(name, [...all.map(({ slug }) => slug), ...bare.keys()])
  const meant = near === undefined ? "" : ` did you mean ${bare.get(near) ?? near}?`
  const problem = matching.length === 0 ? `there is no such experiment;${meant}` : "several experiments are called so;"
  const have = (matching.length === 0 ? all : matching).map(({ slug }) => slug).join(", ") || "none"
  return Effect.fail(
    new InvalidInput({ what: `experiment ${cut(name, 80)}`, problems: [`${problem} there are: ${have}`] }),
  )
}

/** One experiment of a file: the only one, or one of several that ask the same question about different tasks. */
export interface Part {
  /** null if the file has only one. */
  readonly part: string | null
  readonly preset: string | null
  readonly experiment: Experiment
}

/** True if a value looks like an experiment; `resolve` reports missing fields. */
const isExperiment = (value: unknown): value is Experiment =>
  typeof value === "object" && value !== null && ["arms", "task"].some((name) => Object.hasOwn(value, name))

/** The parts in an export of an experiment's file; undefined for any other value. */
const partsOf = (exported: unknown, preset: string | null): ReadonlyArray<Part> | undefined => {
  if (isExperiment(exported)) return [{ part: null, preset, experiment: exported }]
  if (typeof exported !== "object" || exported === null) return undefined
  const parts = Object.entries(exported)
  if (parts.length === 0 || !parts.every(([, experiment]) => isExperiment(experiment))) return undefined
  return parts.map(([part, experiment]) => ({ part, preset, experiment: experiment as Experiment }))
}

/** The exports of an experiment's file. @error InvalidInput with the file and line of the fault */
const imported = ({ file }: ExperimentFile): Effect.Effect<Readonly<Record<string, unknown>>, InvalidInput> =>
  Effect.suspend(() => {
    const what = shortPath(file)
    if (isOutside(file)) provideHouse()
    const encoding = encodingProblem(file)
    if (encoding !== undefined) return Effect.fail(new InvalidInput({ what, problems: [encoding] }))
    return Effect.tryPromise({
      try: () => import(pathToFileURL(file).href) as Promise<Record<string, unknown>>,
      catch: (error) => importFault(what, file, error),
    }).pipe(Effect.tap(() => Effect.sync(() => enter(file))))
  })

/**
 * The experiments that a file exports: its default export, an experiment or a record of them by part; with a preset,
 * the export of that name, which asks the same question at another size.
 *
 * @error InvalidInput for a missing export or one that is no experiment: lists the presets
 */
export const loadExperiment = (
  { slug, file }: ExperimentFile,
  preset: string | null = null,
): Effect.Effect<ReadonlyArray<Part>, InvalidInput> =>
  Effect.gen(function* () {
    const what = shortPath(file)
    const loaded = yield* imported({ slug, file })
    const name = preset ?? "default"
    const parts = Object.hasOwn(loaded, name) ? partsOf(loaded[name], preset) : undefined
    if (parts !== undefined) return parts
    const presets = Object.keys(loaded).filter((name) => name !== "default" && partsOf(loaded[name], name))
    const problems =
      preset === null
        ? ["has no experiment as its default export; end it with export default defineExperiment({ ... })"]
        : [`has no preset ${preset}${ofThese(preset, presets, "it has")}`]
    return yield* new InvalidInput({ what, problems })
  })

/** The presets of a file: the names that `--preset` accepts. */
export const presetsOf = (experiment: ExperimentFile): Effect.Effect<ReadonlyArray<string>, InvalidInput> =>
  Effect.map(imported(experiment), (loaded) =>
    Object.keys(loaded).filter((name) => name !== "default" && partsOf(loaded[name], name)),
  )

/** A row of `--list`: an experiment, or the fault of its file. */
export interface Listed {
  readonly slug: string
  readonly part: string | null
  readonly presets: ReadonlyArray<string>
  readonly name: string
  readonly question: string
  readonly arms: ReadonlyArray<string>
  readonly seeds: ReadonlyArray<number>
  /** The reason why the experiment cannot be run, in one sentence; null where its file can be read. */
  readonly fault: string | null
}

const listedPart = (slug: string, presets: ReadonlyArray<string>, { part, experiment }: Part): Listed => {
  const { name, question, arms, seeds } = experiment as Partial<Experiment>
  const lacks = [
    ...(typeof name === "string" ? [] : ["name"]),
    ...(typeof question === "string" ? [] : ["question"]),
    ...(typeof arms === "object" && arms !== null ? [] : ["arms"]),
    ...(Array.isArray(seeds) ? [] : ["seeds"]),
  ]
  return {
    slug,
    part,
    presets,
    name: typeof name === "string" ? name : "",
    question: typeof question === "string" ? question : "",
    arms: typeof arms === "object" && arms !== null ? Object.keys(arms) : [],
    seeds: Array.isArray(seeds) ? [...seeds] : [],
    fault: lacks.length === 0 ? null : `experiments/${slug}/experiment.ts: has no ${lacks.join(", ")}`,
  }
}

/** All experiments for `--list`. A broken one has a row with its fault and does not affect the others. */
export const listExperiments = (all = findExperiments()): Effect.Effect<ReadonlyArray<Listed>> =>
  Effect.map(
    Effect.forEach(all, (experiment) =>
      Effect.gen(function* () {
        const presets = yield* presetsOf(experiment)
        return (yield* loadExperiment(experiment)).map((part) => listedPart(experiment.slug, presets, part))
      }).pipe(
        Effect.catchCause((cause) => {
          const error = Cause.squash(cause)
          const { slug } = experiment
          const fault = error instanceof Error ? error.message : String(error)
          return Effect.succeed([
            { slug, part: null, presets: [], name: "", question: "", arms: [], seeds: [], fault },
          ] as ReadonlyArray<Listed>)
        }),
      ),
    ),
    (rows) => rows.flat(),
  )
