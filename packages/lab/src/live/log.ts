/**
 * The log of a run: a line for each of its events, in `live/` of the store. A page shows a run from its log and from the
 * store, so any process that sees the store can show any run.
 *
 * A log is no truth: if it cannot be written, the run goes on without one.
 */
import { appendFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { later } from "@winnow/core"
import { fileErrorOf, parseJson, thisProcess } from "@winnow/files"
import { type } from "arktype"
import type { ProgressEvent, RunFacts } from "../progress.ts"
import { eventForms } from "../schedule/messages.ts"

const at = { stage: "string", index: "number", of: "number", unit: "string" } as const

const runEvent = () =>
  type({
    _tag: "'begun'",
    experiment: "string",
    part: "string | null",
    preset: "string | null",
    question: "string",
    run: "string",
    directory: "string",
    seeds: "number[]",
    arms: "string[]",
    "limit?": "number | null",
    command: "string[]",
    log: "string | null",
  })
    .or({ _tag: "'named'", run: "string", directory: "string" })
    .or({
      _tag: "'rows'",
      rows: type({
        name: "string",
        role: "'start' | 'reference' | 'arm' | 'capacity' | 'study'",
        seed: "number",
        trained: "string | null",
        figures: type({ key: "string", measure: "string | null" }).array(),
      }).array(),
    })
    .or({ _tag: "'ended'", state: "'done' | 'incomplete' | 'stopped' | 'failed'", message: "string | null" })
    .or({
      _tag: "'planned'",
      beginning: "boolean",
      slots: "number | null",
      stages: type({
        stage: "string",
        kind: "string",
        key: "string",
        unit: "string",
        flops: "number",
        expected: "number | null",
        alone: "boolean",
        after: "string[]",
      }).array(),
    })
    .or({ _tag: "'done'", reused: "boolean", seconds: "number", key: "string", ...at })
    .or({ _tag: "'failed'", message: "string", ...at })
    .or({ _tag: "'queue'", text: "string" })

const logLine = later(() =>
  type({
    /** Milliseconds since 1970. */
    at: "number",
    event: eventForms().or(runEvent()),
    /** With the first event. */
    "process?": { host: "string", pid: "number.integer", started: "string", "table?": "string" },
  }),
)
/** A line of a log. */
export type LogLine = typeof logLine.infer

/** The folder of a store's logs. */
export const logsFolder = (home: string): string => join(home, "live")

/** The event of a line; undefined for a line that is none. */
export const parsedLine = (text: string): LogLine | undefined => {
  try {
    const line = logLine(parseJson(text))
    return line instanceof type.errors ? undefined : line
  } catch {
    return undefined
  }
}

/** Least milliseconds between two lines on the progress of one stage or download. */
const between = 1000
/** Days after which a log is removed. */
const kept = 30

/** Removes old logs. */
const tidy = (folder: string): void => {
  for (const name of readdirSync(folder)) {
    const file = join(folder, name)
    // Another run may remove it at this moment.
    const { mtimeMs = Date.now() } = statSync(file, { throwIfNoEntry: false }) ?? {}
    if (name.endsWith(".jsonl") && Date.now() - mtimeMs > kept * 86_400_000) rmSync(file, { force: true })
  }
}

/**
 * Opens the log of a run that begins now in this process.
 *
 * @param say gets one message where the log cannot be written
 * @returns adds an event; of a stage's progress one a second is written
 */
export const openLog = (
  home: string,
  facts: Omit<RunFacts, "log">,
  say: (text: string) => void,
): { readonly begun: Extract<ProgressEvent, { _tag: "begun" }>; readonly add: (event: ProgressEvent) => void } => {
  const folder = logsFolder(home)
  const file = join(folder, `${new Date().toISOString().replaceAll(/[:.]/g, "-")}-${crypto.randomUUID()}.jsonl`)
  const shown = new Map<string, number>()
  let works = true
  const attempt = (use: () => void) => {
    if (!works) return
    try {
      use()
    } catch (error) {
      works = false
      const why = (fileErrorOf(error, file) ?? (error as Error)).message
      say(`no live page can show this run, its events cannot be written: ${why}`)
    }
  }
  attempt(() => {
    mkdirSync(folder, { recursive: true })
    tidy(folder)
  })
  const write = (event: ProgressEvent, more: object = {}) =>
    attempt(() => appendFileSync(file, `${JSON.stringify({ at: Date.now(), event, ...more })}\n`))
  const add = (event: ProgressEvent) => {
    if (event._tag === "progress" || event._tag === "download") {
      const subject = event._tag === "progress" ? `stage ${event.stage}` : event.file
      const now = performance.now()
      if (now - (shown.get(subject) ?? Number.NEGATIVE_INFINITY) < between && event.done < event.total) return
      shown.set(subject, now)
    }
    write(event)
  }
  const begun = { _tag: "begun", ...facts, log: file } as const
  write(begun, { process: thisProcess() })
  return { begun: works ? begun : { ...begun, log: null }, add }
}

/** The logs of a store, the newest first. */
export const logsIn = (home: string): ReadonlyArray<string> => {
  const folder = logsFolder(home)
  if (!existsSync(folder)) return []
  const names = readdirSync(folder).filter((name) => name.endsWith(".jsonl"))
  return names
    .toSorted()
    .reverse()
    .map((name) => join(folder, name)) // Names begin with the time.
}
