/**
 * The journal of attempts, `attempts.jsonl`: a line for the beginning of a run, one for its final name, and one for its
 * end.
 *
 * Lines are only ever added, each by one write, so concurrent processes lose none. The journal is an index, not the
 * truth: if it cannot be read or written, the run goes on, and a message reports it.
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
  // Earlier versions did not write it.
  "limit?": "number | null",
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

/** An attempt and its run. */
export interface JournalEntry {
  readonly beginning: Beginning
  readonly attempt: Attempt
}

/** An attempt takes half a kilobyte, so 64 MB hold some 100 000 attempts. */
const most = 64 << 20

/** The most characters of a failure's message in the journal. */
const messageLength = 2000

const parsed = (text: string): Line | undefined => {
  try {
    const value = line(parseJson(text))
    return value instanceof type.errors ? undefined : value
  } catch {
    return undefined
  }
}

/** The attempts that the lines of a journal describe, in order. */
const replay = (lines: ReadonlyArray<Line>): ReadonlyArray<JournalEntry> => {
  const attempts = new Map<string, JournalEntry>()
  for (const line of lines) {
    if (line._tag === "begin") {
      const { command } = line.beginning
      // The journal has no end of this attempt. A process on another host cannot be checked and counts as running.
      const state = isAlive(line.process) === false ? "stopped" : "running"
      const attempt = { command, pid: line.process.pid, began: line.at, ended: null, state, message: null } as const
      attempts.set(line.id, { beginning: { ...line.beginning, limit: line.beginning.limit ?? null }, attempt })
      continue
    }
    const own = attempts.get(line.id)
    if (own === undefined) continue
    if (line._tag === "finish") {
      const { at: ended, state, message } = line
      attempts.set(line.id, { ...own, attempt: { ...own.attempt, ended, state, message } })
      continue
    }
    // Earlier attempts under the provisional name belong to the same run.
    const { run, directory } = line
    for (const [id, other] of attempts)
      if (other.beginning.directory === own.beginning.directory)
        attempts.set(id, { ...other, beginning: { ...other.beginning, run, directory } })
  }
  return [...attempts.values()]
}

/** The journal in a file. */
export interface Journal {
  readonly read: () => ReadonlyArray<JournalEntry>
  /** Enters a run that begins now in this process; returns the attempt's name. */
  readonly begin: (beginning: Beginning) => string
  readonly rename: (id: string, to: Pick<Beginning, "run" | "directory">) => void
  readonly finish: (id: string, state: "done" | "incomplete" | "stopped" | "failed", message: string | null) => void
}

/**
 * Opens a journal; a missing file is an empty journal.
 *
 * @param say gets one message for each reason why the journal could not be read or written
 */
export const openJournal = (file: string, say: (text: string) => void): Journal => {
  const reasons = new Set<string>()
  const tell = (what: string, error: unknown) => {
    const met = fileErrorOf(error, file) ?? error
    const text = `the index of runs ${what}: ${met instanceof Error ? met.message : String(met)}`
    if (!reasons.has(text)) say(text)
    reasons.add(text)
  }
  const add = (line: Line) => {
    try {
      mkdirSync(dirname(file), { recursive: true })
      const fd = openSync(file, "a")
      try {
        // Begins a new line even after a line that a full disk cut short.
        writeSync(fd, `\n${JSON.stringify(line)}\n`)
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
        const whole = lines.filter((line) => line !== undefined)
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
      add({
        _tag: "finish",
        id,
        at: new Date().toISOString(),
        state,
        message: message?.slice(0, messageLength) ?? null,
      }),
  }
}

const plain = ({ seeds, arms, command, ...rest }: Beginning) => ({
  ...rest,
  seeds: [...seeds],
  arms: [...arms],
  command: [...command],
})
