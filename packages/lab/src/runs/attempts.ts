/**
 * The journal of attempts, `attempts.jsonl`: a line when a run begins, when it gets its final name, and when it ends.
 *
 * Lines are only ever added, each by one write, so processes that write at once lose none. It is an index, not the truth:
 * a journal that cannot be read or written stops nothing, it is said and left out.
 */
import { closeSync, existsSync, mkdirSync, openSync, writeSync } from "node:fs"
import { dirname } from "node:path"
import { fileErrorOf, isAlive, parseJson, readRegular, thisProcess } from "@winnow/files"
import { type } from "arktype"
import type { Attempt, Beginning } from "./entry.ts"

const beginning = type({
  directory: "string",
  run: "string",
  experiment: "string",
  part: "string | null",
  seeds: "number[]",
  arms: "string[]",
  commit: type({ hash: "string", dirty: "boolean" }).or("null"),
  command: "string[]",
})

const line = type({
  _tag: "'begin'",
  id: "string",
  at: "string",
  beginning,
  process: { host: "string", pid: "number.integer", started: "string" },
})
  .or({ _tag: "'rename'", id: "string", run: "string", directory: "string" })
  .or({
    _tag: "'finish'",
    id: "string",
    at: "string",
    state: "'done' | 'incomplete' | 'stopped' | 'failed'",
    message: "string | null",
  })
type Line = typeof line.infer

/** An attempt, and the run that it was one at. */
export interface Begun {
  readonly beginning: Beginning
  readonly attempt: Attempt
}

/** Half a kilobyte an attempt: 64 MB are some 100 000. */
const most = 64 << 20

/** Characters of a failure's message that are kept. */
const kept = 2000

const parsed = (text: string): Line | undefined => {
  try {
    const value = line(parseJson(text))
    return value instanceof type.errors ? undefined : value
  } catch {
    return undefined
  }
}

/** Lines in their order, as what they say together. */
const replay = (lines: ReadonlyArray<Line>): ReadonlyArray<Begun> => {
  const attempts = new Map<string, Begun>()
  for (const said of lines) {
    if (said._tag === "begin") {
      const { command } = said.beginning
      // Of one whose end no line tells. A process of another host cannot be asked, and is believed to run.
      const state = isAlive(said.process) === false ? "stopped" : "running"
      const attempt = { command, pid: said.process.pid, began: said.at, ended: null, state, message: null } as const
      attempts.set(said.id, { beginning: said.beginning, attempt })
      continue
    }
    const own = attempts.get(said.id)
    if (own === undefined) continue
    if (said._tag === "finish") {
      const { at: ended, state, message } = said
      attempts.set(said.id, { ...own, attempt: { ...own.attempt, ended, state, message } })
      continue
    }
    // Earlier attempts that came no further than the first name are attempts at the same run.
    const { run, directory } = said
    for (const [id, other] of attempts)
      if (other.beginning.directory === own.beginning.directory)
        attempts.set(id, { ...other, beginning: { ...other.beginning, run, directory } })
  }
  return [...attempts.values()]
}

/** The journal in a file. */
export interface Journal {
  readonly read: () => ReadonlyArray<Begun>
  /** Enters a run that begins now in this process; gives the attempt's name. */
  readonly begin: (beginning: Beginning) => string
  readonly rename: (id: string, to: Pick<Beginning, "run" | "directory">) => void
  readonly finish: (id: string, state: "done" | "incomplete" | "stopped" | "failed", message: string | null) => void
}

/**
 * Opens a journal; a file that is not there is an empty one.
 *
 * @param say is told, once for each cause, what could not be read or written
 */
export const openJournal = (file: string, say: (text: string) => void): Journal => {
  const told = new Set<string>()
  const tell = (what: string, error: unknown) => {
    const met = fileErrorOf(error, file) ?? error
    const text = `the index of runs ${what}: ${met instanceof Error ? met.message : String(met)}`
    if (!told.has(text)) say(text)
    told.add(text)
  }
  const add = (said: Line) => {
    try {
      mkdirSync(dirname(file), { recursive: true })
      const fd = openSync(file, "a")
      try {
        // Begins a line of its own even after one that a full disk cut short.
        writeSync(fd, `\n${JSON.stringify(said)}\n`)
      } finally {
        closeSync(fd)
      }
    } catch (error) {
      tell(`cannot be written, so it will not tell how this attempt ends; results are written all the same`, error)
    }
  }
  return {
    read: () => {
      try {
        if (!existsSync(file)) return []
        const texts = new TextDecoder().decode(readRegular(file, { most, what: "an index of runs" })).split("\n")
        const lines = texts.flatMap((text) => (text === "" ? [] : [parsed(text)]))
        const whole = lines.filter((said) => said !== undefined)
        const damaged = lines.length - whole.length
        if (damaged > 0)
          tell(
            `${file} is damaged`,
            `${damaged} of ${lines.length} lines are left out; remove it if you need none of it`,
          )
        return replay(whole)
      } catch (error) {
        tell("cannot be read, so runs are listed from their results alone; remove it to begin a new one", error)
        return []
      }
    },
    begin: (beginning) => {
      const id = crypto.randomUUID()
      add({ _tag: "begin", id, at: new Date().toISOString(), beginning: plain(beginning), process: thisProcess() })
      return id
    },
    rename: (id, { run, directory }) => add({ _tag: "rename", id, run, directory }),
    finish: (id, state, message) =>
      add({ _tag: "finish", id, at: new Date().toISOString(), state, message: message?.slice(0, kept) ?? null }),
  }
}

const plain = ({ seeds, arms, command, ...rest }: Beginning) => ({
  ...rest,
  seeds: [...seeds],
  arms: [...arms],
  command: [...command],
})
