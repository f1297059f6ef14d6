/**
 * The index of runs, with their states and outcomes.
 *
 * Each listing reads every run.json in the results. The journal beside the store has the outcomes of attempts; a lost
 * journal loses only these.
 */
import { existsSync, readdirSync } from "node:fs"
import { basename, dirname, join, resolve } from "node:path"
import { type DataError, didYouMean, InvalidInput } from "@winnow/core"
import { Cause, Context, Effect, Exit, Layer } from "effect"
import { houseRoot } from "../store/code/house.ts"
import { winnowHome } from "../store/store.ts"
import { openJournal } from "./attempts.ts"
import { type Beginning, entryOf, type RunEntry, type Summary, summaryOf } from "./entry.ts"
import { hasRun, readRun, runFolder } from "./read-run.ts"

/** The end of an attempt. */
export interface Outcome {
  readonly state: "done" | "incomplete" | "stopped" | "failed"
  readonly message?: string | undefined
}

/**
 * A run's name and its folder of results. Both depend on the settings that a search chooses, so they are final only
 * after it.
 */
export type RunName = Pick<Beginning, "run" | "directory">

export interface RunStoreService {
  /** Enters a run that begins now in this process; returns the name of its attempt. */
  readonly begin: (beginning: Beginning) => Effect.Effect<string>
  /** Renames an attempt, and earlier attempts still under the provisional name, once the run's final name is known. */
  readonly rename: (attempt: string, to: RunName) => Effect.Effect<void>
  readonly finish: (attempt: string, outcome: Outcome) => Effect.Effect<void>
  /** All runs, the newest first; with an experiment (slug, number or name) only its runs. */
  readonly list: (experiment?: string) => Effect.Effect<ReadonlyArray<RunEntry>>
  /**
   * The run with a name: the beginning of its id, `part-id` too, or its folder.
   *
   * @error InvalidInput for a name of none or several: lists them
   */
  readonly find: (name: string) => Effect.Effect<RunEntry, DataError | InvalidInput>
}

/** The index of runs. */
export class RunStore extends Context.Service<RunStore, RunStoreService>()("@winnow/lab/RunStore") {
  /** The index in a folder, WINNOW_HOME by default, of these folders of results. */
  static readonly layer = (
    home: string = winnowHome(),
    results: ReadonlyArray<string> = [join(houseRoot, "results")],
  ) => Layer.succeed(RunStore, makeRunStore(home, results))
}

/** Folders in a folder; none if it is missing or cannot be read. */
const foldersIn = (folder: string): ReadonlyArray<string> => {
  try {
    if (!existsSync(folder)) return []
    const entries = readdirSync(folder, { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name))
  } catch {
    return []
  }
}

/** The runs of a folder of results: `<slug>/<run>/run.json`. */
const runsIn = (results: string): ReadonlyArray<string> => foldersIn(resolve(results)).flatMap(foldersIn).filter(hasRun)

/** The summary of a folder's run.json, read again at each call. */
const summaryIn = (directory: string): Effect.Effect<Summary> =>
  readRun(directory).pipe(
    Effect.map(summaryOf),
    Effect.catch(() => Effect.succeed(unreadable(directory))),
  )

/** A run with an unreadable record, described by the names of its folders. */
const unreadable = (directory: string): Summary => ({
  directory,
  run: basename(directory),
  experiment: basename(dirname(directory)),
  part: null,
  limit: null,
  state: "unreadable",
  when: "",
  commit: null,
  seeds: [],
  headline: null,
  arms: [],
  schema: null,
})

/** The id in the name of a run's folder, `id` or `part-id`; a folder that a user renamed has another. */
const idIn = (directory: string): string => basename(directory).split("-").at(-1)!

/** True if a slug, a number or a name refers to the experiment of a run. */
const isOf = ({ experiment }: RunEntry, name: string): boolean =>
  experiment === name || experiment.slice(4) === name || experiment.slice(0, 3) === name

/**
 * The runs of some folders of results, with the journal of a home.
 *
 * @param say gets a message about a journal that cannot be used; stderr by default
 */
export const makeRunStore = (
  home: string,
  results: ReadonlyArray<string>,
  say: (text: string) => void = (text) => void process.stderr.write(`note: ${text}\n`),
): RunStoreService => {
  const journal = openJournal(join(home, "attempts.jsonl"), say)

  const begin = (beginning: Beginning) => Effect.sync(() => journal.begin(beginning))
  const rename = (attempt: string, to: RunName) => Effect.sync(() => journal.rename(attempt, to))
  const finish = (attempt: string, { state, message }: Outcome) =>
    Effect.sync(() => journal.finish(attempt, state, message ?? null))

  /** The folders of all runs, each with its attempts and, if it has a run.json, the reading of its summary. */
  const known = () => {
    const byFolder = Map.groupBy(journal.read(), ({ beginning }) => beginning.directory)
    const written = new Set([...results.flatMap(runsIn), ...[...byFolder.keys()].filter(hasRun)])
    const entryIn = (directory: string) =>
      Effect.gen(function* () {
        const tries = byFolder.get(directory) ?? []
        const attempts = tries.map(({ attempt }) => attempt)
        const summary = written.has(directory) ? yield* summaryIn(directory) : undefined
        return entryOf(summary, attempts, tries.at(-1)?.beginning)
      })
    /** The runs of these folders, the newest first. */
    const entriesIn = (folders: Iterable<string>) =>
      Effect.map(Effect.forEach(folders, entryIn), (entries) =>
        entries.flatMap((entry) => entry ?? []).toSorted((a, b) => (a.when < b.when ? 1 : a.when > b.when ? -1 : 0)),
      )
    return { folders: new Set([...written, ...byFolder.keys()]), entryIn, entriesIn }
  }

  const list = (experiment?: string) =>
    Effect.gen(function* () {
      const { folders, entriesIn } = known()
      const all = yield* entriesIn(folders)
      return all.filter((entry) => experiment === undefined || isOf(entry, experiment))
    })

  const find = (name: string) =>
    Effect.gen(function* () {
      // A folder's name says which run is meant: the records of all others, tens of megabytes, are not read.
      const { folders, entryIn, entriesIn } = known()
      const folder = runFolder(name)
      const entry = folders.has(folder) ? yield* entryIn(folder) : undefined
      if (entry !== undefined) return entry
      if (hasRun(name)) return { ...summaryOf(yield* readRun(name)), attempts: [] }
      const isCalled = ({ run, directory }: Pick<RunEntry, "run" | "directory">) =>
        run.startsWith(name) || basename(directory).startsWith(name)
      const likely = [...folders].filter((directory) => isCalled({ run: idIn(directory), directory }))
      const byFolder = (yield* entriesIn(likely)).filter(isCalled)
      const all = byFolder.length > 0 ? byFolder : yield* entriesIn(folders)
      const called = all.filter(isCalled)
      // A published record and this checkout's own run have the same name: the newest counts.
      if (called.length > 0 && called.every(({ run }) => run === called[0]!.run)) return called[0]!
      const problem =
        called.length === 0
          ? noneCalled(name, all)
          : `several runs are called so: ${called.map(({ directory }) => directory).join(", ")}; give more of the name, or the folder`
      return yield* new InvalidInput({ what: `run ${name}`, problems: [problem] })
    })

  return { begin, rename, finish, list, find }
}

/** Runs that a refusal shows. */
const shown = 8

/** No run is called so: those of the experiment of this name, else the newest, and a near name. */
const noneCalled = (name: string, all: ReadonlyArray<RunEntry>): string => {
  const of = all.filter((entry) => isOf(entry, name))
  const there = of.length > 0 ? of : all
  const named = there.slice(0, shown).map(({ run, experiment }) => `${run} (${experiment})`)
  const near = didYouMean(
    name,
    all.map(({ run }) => run),
  )
  const more = there.length > shown ? `, and ${there.length - shown} more, which \`winnow runs\` lists` : ""
  return `there is no such run${near}; there are: ${named.join(", ") || "none yet"}${more}`
}

/** The end of an attempt. */
export const outcomeOf = <A, E>(exit: Exit.Exit<A, E>, isIncomplete: (result: A) => boolean): Outcome => {
  if (Exit.isSuccess(exit)) return { state: isIncomplete(exit.value) ? "incomplete" : "done" }
  if (Cause.hasInterruptsOnly(exit.cause)) return { state: "stopped" }
  const error = Cause.squash(exit.cause)
  return { state: "failed", message: error instanceof Error ? error.message : String(error) }
}

/**
 * Enters a run in the store while `use` makes it, and its end: done, incomplete, stopped or failed. Without a store (a
 * run from a program) nothing is entered; the results are still found later.
 *
 * @param use gets the function to call once the run's final name is known
 */
export const entered = <A, E, R>(
  beginning: Omit<Beginning, "command">,
  use: (rename: (to: RunName) => Effect.Effect<void>) => Effect.Effect<A, E, R>,
  isIncomplete: (result: A) => boolean,
): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const store = yield* Effect.serviceOption(RunStore)
    if (store._tag === "None") return yield* use(() => Effect.void)
    const { begin, rename, finish } = store.value
    const attempt = yield* begin({ ...beginning, command: process.argv.slice(2) })
    return yield* Effect.onExit(
      use((to) => rename(attempt, to)),
      (exit) => finish(attempt, outcomeOf(exit, isIncomplete)),
    )
  })
