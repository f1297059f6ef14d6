/** A stage: what it is made of, and how. Its key follows from that alone, so it is known before anything has run. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { DataError, Datasets, InvalidInput, TrainingStopped } from "@winnow/core"
import { type FileError, parseJson } from "@winnow/files"
import type { Effect } from "effect"
import type { StageCode } from "./store/code/stage-code.ts"
import { keyOf } from "./store/key.ts"
import type { Artifact, Part } from "./store/store.ts"

/** How a stage fails; a `FileError` with a code is a refusal of the disk or of memory, which ends the run. */
export type StageError = DataError | FileError | InvalidInput | TrainingStopped

/** The cost of a stage; an estimate if it has not run. */
export interface Work {
  readonly parameters?: number
  readonly steps?: number
  readonly tokens?: number
  readonly flops?: number
  /** On the disk, where that is much: caches of signals. */
  readonly bytes?: number
}

/** The context that a running stage is given. */
export interface StageContext {
  readonly key: string
  /** The folder to fill; holds what a stopped attempt left. */
  readonly directory: string
  /** Artifacts of the inputs, in the order of `inputs`. */
  readonly inputs: ReadonlyArray<Artifact>
  readonly progress: (done: number, total: number, detail?: string) => void
  /** Tells people who ask for details something that stays on the screen. */
  readonly note: (text: string) => void
  /** Tells everyone. */
  readonly warn: (text: string) => void
  /** Adds a line to the stage's metrics.jsonl. */
  readonly metric: (line: object) => void
}

export interface Stage {
  /** Folder of the store: "target", "arm", ... */
  readonly kind: string
  /** For people: "arm adaspec, seed 2". */
  readonly label: string
  readonly key: string
  readonly made: Record<string, unknown>
  readonly inputs: ReadonlyArray<Stage>
  readonly unit: string
  readonly work: Work
  /** Reads the clock: nothing else of the run is run beside it. */
  readonly alone: boolean
  /** Parts of its artifact that another stage may read alone, each with a key of what it is made of. */
  readonly parts?: Readonly<Record<string, string>> | undefined
  /** As an input: the part that is read. */
  readonly part?: Part | undefined
  readonly run: (context: StageContext) => Effect.Effect<Record<string, unknown>, StageError, Datasets>
  /** Of the summary, what holds for this process whatever made the artifact: where a folder is today. */
  readonly today?: Readonly<Record<string, unknown>>
}

/**
 * Describes a stage.
 *
 * @param spec.config plain JSON with every option that changes the result, defaults filled in
 * @param spec.code the code that the result depends on, by `stageCode`
 */
export const stage = (spec: {
  readonly kind: string
  readonly label: string
  readonly config: Record<string, unknown>
  readonly inputs: ReadonlyArray<Stage>
  readonly code: StageCode | null
  readonly seed?: number
  readonly unit?: string
  readonly work?: Work
  readonly alone?: boolean
  readonly run: Stage["run"]
  readonly today?: Stage["today"]
  /** The configuration that a part depends on, by the part's name: files of the part begin with it and a dot. */
  readonly parts?: Readonly<Record<string, Record<string, unknown>>>
}): Stage => {
  const { kind, label, config, inputs, code, seed, unit = "", work = {}, alone = false, run, today = {} } = spec
  const madeOf = (config: Record<string, unknown>) => ({
    stage: kind,
    config,
    inputs: inputs.map(({ kind, key, part }) => ({ stage: kind, key: part?.key ?? key })),
    code,
    ...(seed === undefined ? {} : { seed }),
  })
  const made = madeOf(config)
  const named = Object.entries(spec.parts ?? {}).map(([name, of]) => [name, keyOf(madeOf(of))] as const)
  const parts = spec.parts && Object.fromEntries(named)
  return { kind, label, key: keyOf(made), made, inputs, unit, work, alone, run, today, parts }
}

/** A stage as an input of which one part is read: another part may change. One without parts is read whole. */
export const partOf = (whole: Stage, name: string): Stage => {
  const key = whole.parts?.[name]
  return key === undefined ? whole : { ...whole, part: { name, key } }
}

/** The inputs of stages before them, each once: an order in which all can run. */
export const inOrder = (stages: ReadonlyArray<Stage>): ReadonlyArray<Stage> => {
  const seen = new Map<string, Stage>()
  const visit = (s: Stage): void => {
    if (seen.has(s.key)) return
    for (const input of s.inputs) visit(input)
    seen.set(s.key, s)
  }
  for (const s of stages) visit(s)
  return [...seen.values()]
}

/** The file of a stage's events. */
export const metricsFile = "metrics.jsonl"

/**
 * The events as the attempts of a stage wrote them, while it is made. A training leaves each step once in metrics.jsonl
 * when it is done; what that is made from stays until the artifact is whole.
 */
export const eventsFile = ".events.jsonl"

/** The events of an artifact, or of what there is of it; a line that a kill cut short is left out. */
export const readMetrics = (directory: string): ReadonlyArray<Record<string, unknown>> => {
  const file = [eventsFile, metricsFile].map((name) => join(directory, name)).find(existsSync)
  if (file === undefined) return []
  return readFileSync(file, "utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        return line === "" ? [] : [parseJson(line) as Record<string, unknown>]
      } catch {
        return []
      }
    })
}
