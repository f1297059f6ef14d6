/**
 * The index of runs, `runs.sqlite`: what was begun, what runs now, and what came out.
 *
 * The truth is in the results: whatever run.json the index lacks, or has with another content, is read when a list is
 * asked for. So the runs of a fresh clone are there, and a lost index loses only how attempts ended.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { basename, dirname, join, resolve } from "node:path"
import { type DataError, InvalidInput } from "@winnow/core"
import { Cause, Context, Effect, Exit, Layer } from "effect"
import { houseRoot } from "../store/code-version.ts"
import { sha256 } from "../store/key.ts"
import { winnowHome } from "../store/store.ts"
import { inDatabase } from "./database.ts"
import { type Attempt, type Beginning, entryOf, type RunEntry, type Summary, summaryOf } from "./entry.ts"
import { isAlive, type ProcessIdentity, thisProcess } from "./process.ts"
import { hasRun, readRun, runFolder } from "./read-run.ts"

/** How an attempt ended. */
export interface Outcome {
  readonly state: "done" | "incomplete" | "stopped" | "failed"
  readonly message?: string | undefined
}

/** A run's name and its folder of results: what rates a tuned run chooses is part of it, and known once they are tried. */
export type RunName = Pick<Beginning, "run" | "directory">

export interface RunStoreService {
  /** Enters a run that begins now in this process; the number is its attempt's. */
  readonly begin: (beginning: Beginning) => Effect.Effect<number, DataError>
  /** Gives an attempt, and earlier ones that came no further than its first name, the name that the run turned out to have. */
  readonly rename: (attempt: number, to: RunName) => Effect.Effect<void, DataError>
  readonly finish: (attempt: number, outcome: Outcome) => Effect.Effect<void, DataError>
  /** All runs, the newest first; of one experiment (slug, number or name) if asked for. */
  readonly list: (experiment?: string) => Effect.Effect<ReadonlyArray<RunEntry>, DataError>
  /**
   * The run of a name: the beginning of its id, `part-id` too, or its folder.
   *
   * @error InvalidInput where none or several have it: says which there are
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

interface Row {
  readonly directory: string
  readonly hash: string
  readonly summary: string
}

interface AttemptRow {
  readonly directory: string
  readonly beginning: string
  readonly process: string
  readonly began: string
  readonly ended: string | null
  readonly state: Attempt["state"]
  readonly message: string | null
}

const foldersIn = (folder: string): ReadonlyArray<string> =>
  existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => join(folder, name))
    : []

/** The runs of a folder of results: `<slug>/<run>/run.json`. */
const runsIn = (results: string): ReadonlyArray<string> => foldersIn(resolve(results)).flatMap(foldersIn).filter(hasRun)

/** The SHA-256 of a folder's run.json; undefined where it was removed in this moment or may not be read. */
const hashOf = (directory: string): string | undefined => {
  try {
    return sha256(readFileSync(join(directory, "run.json")))
  } catch {
    return undefined
  }
}

/** The row of a folder's run.json; the one that is there already if its content is the same. */
const freshRow = (directory: string, known: Row | undefined): Effect.Effect<Row> =>
  Effect.suspend(() => {
    const hash = hashOf(directory)
    if (known !== undefined && known.hash === hash) return Effect.succeed(known)
    return readRun(directory).pipe(
      Effect.map(summaryOf),
      Effect.catch(() => Effect.succeed(unreadable(directory))),
      Effect.map((summary) => ({ directory, hash: hash ?? "", summary: JSON.stringify(summary) })),
    )
  })

/** A run whose record says nothing: what the names of its folders say. */
const unreadable = (directory: string): Summary => ({
  directory,
  run: basename(directory),
  experiment: basename(dirname(directory)),
  part: null,
  state: "unreadable",
  when: "",
  commit: null,
  seeds: [],
  arms: [],
  schema: null,
})

const attemptOf = ({ beginning, process, began, ended, state, message }: AttemptRow): Attempt => {
  const identity = JSON.parse(process) as ProcessIdentity
  const { command } = JSON.parse(beginning) as Beginning
  const killed = ended === null && !isAlive(identity)
  return { command, pid: identity.pid, began, ended, state: killed ? "stopped" : state, message }
}

/** Whether a run is of the experiment that people mean by a slug, its number, or its name. */
const isOf = ({ experiment }: RunEntry, name: string): boolean =>
  experiment === name || experiment.slice(4) === name || experiment.slice(0, 3) === name

export const makeRunStore = (home: string, results: ReadonlyArray<string>): RunStoreService => {
  const file = join(home, "runs.sqlite")

  const begin = (beginning: Beginning) =>
    inDatabase(file, (database) => {
      const values = [beginning.directory, JSON.stringify(beginning), JSON.stringify(thisProcess())]
      return Number(
        database.run(
          "INSERT INTO attempts (directory, beginning, process, began, state) VALUES (?, ?, ?, ?, 'running')",
          [...values, new Date().toISOString()],
        ).lastInsertRowid,
      )
    })

  const rename = (attempt: number, to: RunName) =>
    inDatabase(file, (database) => {
      const own = database.query<{ directory: string }, [number]>("SELECT directory FROM attempts WHERE id = ?")
      const from = own.get(attempt)?.directory
      if (from === undefined || from === to.directory) return
      const rows = database.query<{ id: number; beginning: string }, [string]>(
        "SELECT id, beginning FROM attempts WHERE directory = ?",
      )
      for (const { id, beginning } of rows.all(from)) {
        const named: Beginning = { ...(JSON.parse(beginning) as Beginning), ...to }
        const values = [to.directory, JSON.stringify(named), id]
        database.run("UPDATE attempts SET directory = ?, beginning = ? WHERE id = ?", values)
      }
    })

  const finish = (attempt: number, { state, message }: Outcome) =>
    inDatabase(file, (database) => {
      const ended = new Date().toISOString()
      database.run("UPDATE attempts SET state = ?, message = ?, ended = ? WHERE id = ?", [
        state,
        message ?? null,
        ended,
        attempt,
      ])
    })

  const list = (experiment?: string) =>
    Effect.gen(function* () {
      const { known, attempts } = yield* inDatabase(file, (database) => ({
        known: database.query<Row, []>("SELECT * FROM runs").all(),
        attempts: database.query<AttemptRow, []>("SELECT * FROM attempts ORDER BY id").all(),
      }))
      const byFolder = new Map(known.map((row) => [row.directory, row]))
      const begun = Map.groupBy(attempts, ({ directory }) => directory)
      const there = new Set([...results.flatMap(runsIn), ...[...byFolder.keys(), ...begun.keys()].filter(hasRun)])
      const rows = yield* Effect.forEach(there, (directory) => freshRow(directory, byFolder.get(directory)))
      const changed = rows.filter((row) => byFolder.get(row.directory) !== row)
      const gone = known.filter(({ directory }) => !there.has(directory))
      if (changed.length > 0 || gone.length > 0)
        yield* inDatabase(file, (database) => {
          for (const { directory, hash, summary } of changed)
            database.run("INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", [directory, hash, summary])
          for (const { directory } of gone) database.run("DELETE FROM runs WHERE directory = ?", [directory])
        })
      const summaries = new Map(rows.map((row) => [row.directory, JSON.parse(row.summary) as Summary]))
      const entries = [...new Set([...there, ...begun.keys()])].flatMap((directory) => {
        const tries = begun.get(directory) ?? []
        const last = tries.at(-1)
        const beginning = last && (JSON.parse(last.beginning) as Beginning)
        return entryOf(summaries.get(directory), tries.map(attemptOf), beginning) ?? []
      })
      return entries
        .filter((entry) => experiment === undefined || isOf(entry, experiment))
        .toSorted((a, b) => (a.when < b.when ? 1 : a.when > b.when ? -1 : 0))
    })

  const find = (name: string) =>
    Effect.gen(function* () {
      const all = yield* list()
      const folder = all.filter(({ directory }) => directory === runFolder(name))
      if (folder.length > 0) return folder[0]!
      if (hasRun(name)) return { ...summaryOf(yield* readRun(name)), attempts: [] }
      const called = all.filter(({ run, directory }) => run.startsWith(name) || basename(directory).startsWith(name))
      if (called.length === 1) return called[0]!
      const shown = (called.length === 0 ? all : called).map(({ run, experiment, directory }) =>
        called.length === 0 ? `${run} (${experiment})` : directory,
      )
      const problem =
        called.length === 0
          ? `there is no such run; there are: ${shown.join(", ") || "none yet"}`
          : `several runs are called so: ${shown.join(", ")}; give more of the name, or the folder`
      return yield* new InvalidInput({ what: `run ${name}`, problems: [problem] })
    })

  return { begin, rename, finish, list, find }
}

const outcomeOf = <E>(exit: Exit.Exit<{ readonly incomplete: boolean }, E>): Outcome => {
  if (Exit.isSuccess(exit)) return { state: exit.value.incomplete ? "incomplete" : "done" }
  if (Cause.hasInterruptsOnly(exit.cause)) return { state: "stopped" }
  const error = Cause.squash(exit.cause)
  return { state: "failed", message: error instanceof Error ? error.message : String(error) }
}

/**
 * Enters a run in the store while `use` makes it, and how it ended: done, incomplete, stopped or failed. Where there is no
 * store (a run made from a program) nothing is entered; the results are found later in any case.
 *
 * @param use is given what to call once the run's final name is known
 */
export const entered = <A, E, R>(
  beginning: Omit<Beginning, "command">,
  use: (rename: (to: RunName) => Effect.Effect<void, DataError>) => Effect.Effect<A, E, R>,
  isIncomplete: (made: A) => boolean,
): Effect.Effect<A, E | DataError, R> =>
  Effect.gen(function* () {
    const store = yield* Effect.serviceOption(RunStore)
    if (store._tag === "None") return yield* use(() => Effect.void)
    const { begin, rename, finish } = store.value
    const attempt = yield* begin({ ...beginning, command: process.argv.slice(2) })
    return yield* Effect.onExit(
      use((to) => rename(attempt, to)),
      (exit) =>
        // The results are written by now, and the list is made from them: an index that cannot be written takes nothing away.
        Effect.ignore(finish(attempt, outcomeOf(Exit.map(exit, (made) => ({ incomplete: isIncomplete(made) }))))),
    )
  })
