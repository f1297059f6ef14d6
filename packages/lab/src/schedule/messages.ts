/** Messages between a run and its workers: one JSON object a line. */
import { DataError, InvalidInput, later, PeerLost, TrainingStopped } from "@winnow/core"
import { FileError } from "@winnow/files"
import { type } from "arktype"
import type { ProgressEvent } from "../progress.ts"
import type { StageError } from "../stage.ts"
import { Manifest } from "../store/store.ts"
import { StageCrashed } from "./outcome.ts"

const at = { stage: "string", index: "number", of: "number", unit: "string" } as const

const artifact = type({
  "+": "reject",
  key: "string",
  directory: "string",
  manifest: Manifest,
  reused: "boolean",
  "part?": type({ name: "string", key: "string" }).or("undefined"),
})

/** An experiment in the form in which another process builds its stages again. */
export const opened = later(() =>
  type({
    "+": "reject",
    slug: "string",
    /** Defines the experiment, and so the plugins that `config` names. */
    file: "string",
    preset: "string | null",
    /** Further files whose plugins `config` may name. */
    plugins: "string[]",
    part: "string | null",
    /** The experiment in the form of `resolve`. */
    config: "object",
    /** Hashes of its texts, in the order of `tasksOf`. */
    texts: type({ train: "string", validation: "string", test: "string" }).array(),
  }),
)
export type Opened = typeof opened.infer

/** To a worker, the first message: the experiment whose stages it will run, and the folder of the store. */
const open = type({ "+": "reject", _tag: "'open'", home: "string", experiment: opened })
export type Open = typeof open.infer

/** To a worker: a stage to run. */
const run = type({
  "+": "reject",
  _tag: "'run'",
  key: "string",
  inputs: artifact.array(),
  at,
  fresh: "boolean",
  versions: "Record<string, unknown>",
})
export type Run = typeof run.infer

/** To a worker of a group: to take part in a stage that rank 0 runs. */
const part = type({ "+": "reject", _tag: "'part'", key: "string", inputs: artifact.array() })
export type Part = typeof part.infer

export const toWorker = later(() => open.or(run).or(part))

/** The forms of an event that a worker passes on, for a union with more of them. */
export const eventForms = () =>
  type({ _tag: "'started'", resuming: "boolean", ...at })
    .or({ _tag: "'progress'", done: "number", total: "number", detail: "string", ...at })
    .or({ _tag: "'waiting'", holder: "string", ...at })
    .or({ _tag: "'download'", file: "string", done: "number", total: "number" })
    .or({ _tag: "'note'", text: "string", "detail?": "true" })

export type PassedEvent = ReturnType<typeof eventForms>["infer"]

const failure = type({ _tag: "'DataError' | 'StageCrashed'", message: "string" })
  .or({ _tag: "'InvalidInput'", what: "string", problems: "string[]" })
  .or({ _tag: "'TrainingStopped' | 'PeerLost'", message: "string", step: "number" })
  .or({ _tag: "'FileError'", message: "string", path: "string", code: "string | null" })

/** From a worker: its progress, and the result of a stage. */
export const fromWorker = later(() =>
  type({ "+": "reject", _tag: "'event'", event: eventForms() })
    .or({ "+": "reject", _tag: "'made'", artifact })
    .or({ "+": "reject", _tag: "'tookPart'" })
    .or({ "+": "reject", _tag: "'failed'", error: failure }),
)
export type FromWorker = typeof fromWorker.infer

/** The error of a stage in the form of a message. */
export const plainError = (error: StageError | StageCrashed): typeof failure.infer => {
  const { _tag, message } = error
  if (_tag === "InvalidInput") return { _tag, what: error.what, problems: [...error.problems] }
  if (_tag === "FileError") return { _tag, message, path: error.path, code: error.code ?? null }
  return _tag === "TrainingStopped" || _tag === "PeerLost" ? { _tag, message, step: error.step } : { _tag, message }
}

/** The error in a message. */
export const errorFrom = (plain: typeof failure.infer): StageError | StageCrashed => {
  switch (plain._tag) {
    case "InvalidInput":
      return new InvalidInput(plain)
    case "TrainingStopped":
      return new TrainingStopped(plain)
    case "PeerLost":
      return new PeerLost(plain)
    case "FileError":
      return new FileError(plain.path, plain.message.slice(plain.path.length + 2), plain.code ?? undefined)
    case "DataError":
      return new DataError(plain)
    case "StageCrashed":
      return new StageCrashed(plain)
  }
}

const passed: ReadonlySet<string> = new Set<PassedEvent["_tag"]>(["started", "progress", "waiting", "download", "note"])

/** True if a worker passes an event of its progress on; the run itself reports the end of a stage. */
export const isPassedOn = (e: ProgressEvent): e is PassedEvent => passed.has(e._tag)

/** A line as a message; undefined for a line that is none. */
export const parsed = <A>(schema: (value: unknown) => A | type.errors, line: string): A | undefined => {
  try {
    const value = schema(JSON.parse(line))
    return value instanceof type.errors ? undefined : value
  } catch {
    return undefined
  }
}
