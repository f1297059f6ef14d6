/**
 * Requests of stages to a Slurm cluster: `slurm.json` in the store's folder, overlaid by the one beside the experiment's file,
 * overlaid by the file that the command names. No figure depends on it, so it is part of no experiment and no key.
 */
import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { DataError, InvalidInput } from "@winnow/core"
import { fileErrorOf, parseJson, readRegularText } from "@winnow/files"
import { type } from "arktype"
import { Effect } from "effect"
import type { Stage } from "../../stage.ts"

const word = type(/^[\w.,:+-]{1,100}$/).describe("one word, as sbatch takes it")

/** The request of one stage's job. Without a field Slurm's own default holds. */
const resources = {
  "partition?": word,
  "account?": word,
  "qos?": word,
  /** As sbatch takes it: minutes, hours:minutes:seconds, days-hours:minutes:seconds. */
  "time?": type(/^\d+(-\d+)?(:\d+){0,2}$/).describe("a time as sbatch takes it, such as 30, 4:00:00 or 1-12:00:00"),
  /** Cores of a stage, and threads that it computes with; 1 if left out. */
  "cores?": "1 <= number.integer <= 1024",
  /** Memory of a stage; an estimate of the run, by half too large, if left out. */
  "memory?": type(/^\d+[KMGT]?$/).describe("a size as sbatch takes it, such as 32G"),
  "gpus?": "0 <= number.integer <= 64",
  /** Further arguments of sbatch, such as --constraint=a100. */
  "extra?": type(/^--[a-z][\w-]*(=.*)?$/)
    .describe("an argument of sbatch that begins with --")
    .array(),
} as const

/** The content of slurm.json. */
export const SlurmSettings = type({
  "+": "reject",
  ...resources,
  /** Other resources by the kind of stage: "target", "arm", "measure"; `--dry-run --verbose` lists the kinds. */
  "stages?": { "[string]": type({ "+": "reject", ...resources }) },
  /** Lines of bash before each stage: modules, variables. */
  "preamble?": "string",
  /** Seconds before the end of its time at which a stage writes a checkpoint and queues itself again; 120 if left out. */
  "warn?": "1 <= number.integer <= 65535",
  /** Most jobs of this launch in the queue at once; no limit if left out. */
  "maxJobs?": "number.integer >= 1",
  /** Seconds between two looks at the queue; 5 if left out. */
  "poll?": "0.1 <= number <= 600",
})
export type SlurmSettings = typeof SlurmSettings.infer

const reading = (file: string): Effect.Effect<SlurmSettings, InvalidInput | DataError> =>
  Effect.gen(function* () {
    const text = yield* Effect.try({
      try: () => readRegularText(file, { most: 1 << 20, what: "settings of Slurm" }),
      catch: (cause) => new DataError({ message: fileErrorOf(cause, file)?.message ?? String(cause), cause }),
    })
    const content = yield* Effect.try({
      try: () => parseJson(text) as unknown,
      catch: (error) => new InvalidInput({ what: file, problems: [`is no JSON: ${(error as Error).message}`] }),
    })
    const settings = SlurmSettings(content)
    if (!(settings instanceof type.errors)) return settings
    return yield* new InvalidInput({ what: file, problems: settings.map(({ message }) => message) })
  })

/** Settings with those of another file over them: field by field, and kind by kind. */
const overlaid = (under: SlurmSettings, over: SlurmSettings): SlurmSettings => {
  const kinds = new Set([...Object.keys(under.stages ?? {}), ...Object.keys(over.stages ?? {})])
  const stages = Object.fromEntries(
    [...kinds].map((kind) => [kind, { ...under.stages?.[kind], ...over.stages?.[kind] }]),
  )
  return { ...under, ...over, ...(kinds.size > 0 && { stages }) }
}

/**
 * The settings of a run.
 *
 * @param home folder of the store
 * @param experiment the experiment's file
 * @param named the file of the command, which must be there
 * @error InvalidInput with the file and all its problems
 */
export const slurmSettings = (
  home: string,
  experiment: string,
  named?: string,
): Effect.Effect<SlurmSettings, InvalidInput | DataError> =>
  Effect.gen(function* () {
    const usual = [home, dirname(experiment)]
      .map((folder) => join(folder, "slurm.json"))
      .filter((file) => existsSync(file))
    const all = yield* Effect.forEach([...usual, ...(named === undefined ? [] : [named])], reading)
    return all.reduce(overlaid, {})
  })

/**
 * Arguments of sbatch for one stage.
 *
 * @param memory estimated bytes of one process, where the settings name none
 * @param size processes that share the stage
 */
export const resourceArguments = (
  { stages, ...all }: SlurmSettings,
  { kind, alone }: Pick<Stage, "kind" | "alone">,
  memory: number,
  size = 1,
): ReadonlyArray<string> => {
  const { partition, account, qos, time, cores = 1, memory: asked, gpus, extra = [] } = { ...all, ...stages?.[kind] }
  const given = { partition, account, qos, time, mem: asked ?? `${Math.ceil((1.5 * memory * size) / 1e6)}M` }
  return [
    ...Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`])),
    // The processes of a shared stage may lie on several nodes.
    ...(size === 1 ? ["--nodes=1"] : []),
    ...[`--ntasks=${size}`, `--cpus-per-task=${cores}`],
    ...(gpus ? [`--gres=gpu:${gpus}`] : []),
    // A stage that reads the clock has its node for itself.
    ...(alone ? ["--exclusive"] : []),
    ...extra,
  ]
}
