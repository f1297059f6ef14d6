/** The licences of the data that a run's models were trained on, as the run's tasks name them. */
import { type DatasetFile, Datasets } from "@winnow/core"
import { makeDatasets } from "@winnow/data"
import { cacheFolder } from "@winnow/files"
import { hubSettings } from "@winnow/hub"
import { Cause, Effect } from "effect"
import { resolveConfig } from "../experiment/from-config.ts"
import { pluginsOfRun } from "../repeat/repeat.ts"
import { tasksOf } from "../texts.ts"
import type { ModelRun } from "./chosen-model.ts"

/** A task, and the files that it read. */
export interface TaskLicences {
  readonly task: string
  readonly files: ReadonlyArray<LicensedFile>
}

/** A file of a data set, and the address of it or of the files that it is made from. */
export interface LicensedFile {
  readonly path: string
  readonly licence: string
  readonly url: string
}

const licensed = (file: DatasetFile): LicensedFile => {
  const { path, licence } = file
  return { path, licence, url: "of" in file ? file.of.map(({ url }) => url).join(" and ") : file.url }
}

/** Data sets that are on this machine; which files were asked for is remembered, nothing is downloaded. */
const watched = (asked: Map<string, DatasetFile>): Datasets["Service"] => {
  const here = makeDatasets({
    folder: process.env["WINNOW_DATA"],
    cache: cacheFolder("datasets"),
    fetch: () => Promise.reject(new Error("an export downloads nothing")),
    hub: { settings: { ...hubSettings(), offline: true } },
  })
  const note = (file: DatasetFile) => {
    asked.set(file.path, file)
    return file
  }
  return { ...here, locate: (file) => here.locate(note(file)), lines: (file) => here.lines(note(file)) }
}

/**
 * The files that the tasks of a run read, with their licences: each task is made again, and says by its requests.
 *
 * @returns a sentence where the tasks are not to be had: the experiment's file is another, or a plugin is missing
 */
export const licencesOf = (run: ModelRun): Effect.Effect<ReadonlyArray<TaskLicences> | string> =>
  Effect.gen(function* () {
    const { registry, plugins } = yield* pluginsOfRun(run)
    const resolved = yield* resolveConfig(run.config, registry, plugins)
    return yield* Effect.forEach(tasksOf(resolved), (task) => {
      const asked = new Map<string, DatasetFile>()
      const instance = Effect.provideService(task.instance, Datasets, watched(asked))
      // A task whose files are not here has named some of them all the same.
      return Effect.map(Effect.exit(instance), () => ({ task: task.name, files: [...asked.values()].map(licensed) }))
    })
  }).pipe(
    Effect.catchCause((cause) => {
      const error = Cause.squash(cause)
      return Effect.succeed(`not known here: ${error instanceof Error ? error.message : String(error)}`)
    }),
  )
