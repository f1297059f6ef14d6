/**
 * A stage: its inputs, its config and its computation. Its key follows from these alone, so it is known before any
 * stage runs.
 */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { DataError, Datasets, InvalidInput, PeerLost, TrainingStopped } from "@winnow/core"
import { type FileError, parseJson } from "@winnow/files"
import type { Effect } from "effect"
import type { StageCode } from "./store/code/stage-code.ts"
import { keyOf } from "./store/key.ts"
import type { Artifact, Part } from "./store/store.ts"

/** The errors of a stage; a `FileError` with a code is a refusal of the disk or of memory, which ends the run. */
export type StageError = DataError | FileError | InvalidInput | PeerLost | TrainingStopped

/** The work of a stage; an estimate if it has not run. */
export interface Work {
  readonly parameters?: number
  readonly steps?: number
  readonly tokens?: number
  readonly flops?: number
  /** Bytes on the disk, for stages that write much: caches of signals, and the states of trainings that a search cuts. */
  readonly bytes?: number
}

/** The context of a running stage. */
export interface StageContext {
  readonly key: string
  /** The folder to fill; it may hold files of a stopped attempt. */
  readonly directory: string
  /** Artifacts of the inputs, in the order of `inputs`. */
  readonly inputs: ReadonlyArray<Artifact>
  /** The artifact of `continues`, if the store has it. */
  readonly before?: Artifact | undefined
  readonly progress: (done: number, total: number, detail?: string) => void
  /** Shows a text that stays on the screen to people who ask for details. */
  readonly note: (text: string) => void
  /** Shows a text to everyone. */
  readonly warn: (text: string) => void
  /** Adds a line to the stage's metrics.jsonl. */
  readonly metric: (line: object) => void
}

export interface Stage {
  /** Folder of the store: "target", "arm", ... */
  readonly kind: string
  /** The name for people: "arm adaspec, seed 2". */
  readonly label: string
  readonly key: string
  readonly made: Record<string, unknown>
  readonly inputs: ReadonlyArray<Stage>
  readonly unit: string
  readonly work: Work
  /** True if it reads the clock: no other stage runs beside it. */
  readonly alone: boolean
  /** Most processes that can share its work; 1 if left out. */
  readonly sharers?: number | undefined
  /** Parts of its artifact that another stage may read alone, each with a key of its own. */
  readonly parts?: Readonly<Record<string, string>> | undefined
  /** For an input: the part that is read. */
  readonly part?: Part | undefined
  /**
   * The same training with fewer steps, on the same inputs. Where the store has it, the stage goes on from its state, to
   * the same bits; so it is in no key.
   */
  readonly continues?: Stage | undefined
  readonly run: (context: StageContext) => Effect.Effect<Record<string, unknown>, StageError, Datasets>
  /**
   * Fields of the summary that hold for this process, whichever process made the artifact: the present place of a
   * folder.
   */
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
  readonly continues?: Stage | undefined
  readonly sharers?: number
  readonly run: Stage["run"]
  readonly today?: Stage["today"]
  /**
   * The configuration that a part depends on, by the part's name: the names of the part's files begin with it and a
   * dot.
   */
  readonly parts?: Readonly<Record<string, Record<string, unknown>>>
}): Stage => {
  const { kind, label, config, inputs, code, seed, unit = "", work = {}, alone = false, run, today = {} } = spec
  const { continues, sharers } = spec
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
  return { kind, label, key: keyOf(made), made, inputs, unit, work, alone, sharers, run, today, parts, continues }
}

/** The number of processes that share a stage, of so many that may. */
export const sharersOf = ({ sharers = 1 }: Pick<Stage, "sharers">, devices: number): number =>
  Math.min(devices, sharers)

/**
 * A stage as an input of which only one part is read, so that another part may change. A stage without parts is read
 * whole.
 */
export const partOf = (whole: Stage, name: string): Stage => {
  const key = whole.parts?.[name]
  return key === undefined ? whole : { ...whole, part: { name, key } }
}

/** The kind of the stage that lists the shards of a cache, which are its inputs. */
export const shardedSignals = "sharded-signals"

/** The part of a stage that its FLOPs follow from. */
type Counted = Pick<Stage, "work"> & Partial<Pick<Stage, "kind" | "inputs" | "continues">>

/** The FLOPs of a stage; of a cache in shards those of the shards. */
export const flopsOf = ({ kind, work, inputs = [] }: Counted): number =>
  kind === shardedSignals ? inputs.reduce((sum, shard) => sum + flopsOf(shard), 0) : (work.flops ?? 0)

/** The same without those of the training that it goes on from. */
export const ownFlops = (stage: Counted): number =>
  flopsOf(stage) - (stage.continues === undefined ? 0 : flopsOf(stage.continues))

/** All stages and their inputs, each once, inputs first: an order in which all can run. */
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
 * The events as the attempts of a running stage wrote them. At its end a training writes each step once to
 * metrics.jsonl; the source file stays until the artifact is whole.
 */
export const eventsFile = ".events.jsonl"

/** The events of an artifact, finished or not, without a line that a kill cut short. */
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
