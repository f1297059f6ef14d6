/**
 * The folder of a launch, `launches/<id>` of the store: all that a process on another machine needs to run one stage.
 *
 * - `launch.json`: the experiment, its stages, the versions of the run
 * - `jobs.jsonl`: the job of each stage, a line for each submission
 * - `stages/<key>.jsonl`: progress and failure of a stage, in the messages of a worker
 * - `jobs/`, `logs/`: scripts and outputs
 *
 * One command has one launch: its id follows from the experiment. The folder goes once all of its stages are stored.
 */
import { appendFileSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { FileError, parseJson, readRegularText, writeWhole } from "@winnow/files"
import { type } from "arktype"
import { opened } from "../schedule/messages.ts"
import { keyOf } from "../store/key.ts"
import type { Launch } from "./launcher.ts"

const LaunchedStage = type({
  key: "string",
  kind: "string",
  label: "string",
  unit: "string",
  /** Its number among the stages of the launch, from 1. */
  index: "number",
})
/** A stage as a launch names it. */
export type LaunchedStage = typeof LaunchedStage.infer

const Launched = type({
  schema: "1",
  /** Folder of the store. */
  home: "string",
  experiment: opened,
  /** Written into the manifests of new artifacts. */
  versions: "Record<string, unknown>",
  /** Device and precision of the process that planned the stages: their keys contain them. */
  arithmetic: "Record<string, unknown>",
  stages: LaunchedStage.array(),
})
/** The content of launch.json. */
export type Launched = typeof Launched.infer

const Submitted = type({ key: "string", job: "string" })
/** A stage and the job that was submitted for it. */
export type Submitted = typeof Submitted.infer

/** Most bytes of a file of a launch: a plan of 100 000 stages takes 30 MB. */
const most = 256 << 20

/** The folder that holds the launches of a store. */
export const launchesFolder = (home: string): string => join(home, "launches")

/** The id of a launch: 12 characters, the same for the same experiment in the same store. */
export const launchId = (home: string, { experiment }: Pick<Launch, "experiment">): string =>
  keyOf({ home, experiment }).slice(0, 12)

/** The file of a stage's messages. */
export const messagesOf = (folder: string, key: string): string => join(folder, "stages", `${key}.jsonl`)

/** Writes launch.json whole, and makes the folders beside it. */
export const writeLaunch = (folder: string, launched: Launched): void => {
  for (const name of ["stages", "jobs", "logs"]) mkdirSync(join(folder, name), { recursive: true })
  writeWhole(join(folder, "launch.json"), JSON.stringify(launched))
}

/** Reads launch.json. @error FileError for a file that is missing, or is none */
export const readLaunch = (folder: string): Launched => {
  const file = join(folder, "launch.json")
  if (!existsSync(file))
    throw new FileError(file, "is not there; expected the plan of a launch, as --launcher slurm writes it")
  const launched = Launched(parseJson(readRegularText(file, { most, what: "the plan of a launch" })))
  if (launched instanceof type.errors) throw new FileError(file, `is no plan of this version: ${launched[0]}`)
  return launched
}

/** The launches of a store, the newest last. */
export const launchesIn = (home: string): ReadonlyArray<string> => {
  const folder = launchesFolder(home)
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((path) => existsSync(join(path, "launch.json")))
}

/** The launch whose plan has a stage. @error FileError if there is none, or several stages begin so */
export const launchOf = (home: string, begin: string): { readonly folder: string; readonly key: string } => {
  const found = launchesIn(home).flatMap((folder) =>
    readLaunch(folder).stages.flatMap(({ key }) => (key.startsWith(begin) ? [{ folder, key }] : [])),
  )
  const keys = new Set(found.map(({ key }) => key))
  if (keys.size === 1) return found.at(-1)!
  const what =
    keys.size === 0 ? "no launch has a stage of this key" : `${keys.size} stages begin so; give more of the key`
  throw new FileError(launchesFolder(home), `${begin}: ${what}`)
}

/** Adds a submission, as one line. */
export const noteJob = (folder: string, submitted: Submitted): void =>
  appendFileSync(join(folder, "jobs.jsonl"), `${JSON.stringify(submitted)}\n`)

/** The last job of each stage of a launch, by the stage's key. Lines that a kill cut short are left out. */
export const jobsOf = (folder: string): ReadonlyMap<string, string> => {
  const file = join(folder, "jobs.jsonl")
  if (!existsSync(file)) return new Map()
  const lines = readRegularText(file, { most, what: "the jobs of a launch" }).split("\n")
  return new Map(
    lines.flatMap((line) => {
      try {
        const submitted = Submitted(JSON.parse(line))
        return submitted instanceof type.errors ? [] : [[submitted.key, submitted.job] as const]
      } catch {
        return []
      }
    }),
  )
}

/** Removes the folder of a launch. */
export const removeLaunch = (folder: string): void => rmSync(folder, { recursive: true, force: true })
