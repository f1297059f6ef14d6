/** The events of a running stage. Each attempt appends its events to one file. */
import { appendFileSync, copyFileSync, existsSync, readFileSync, renameSync } from "node:fs"
import { join } from "node:path"
import { eventsFile, metricsFile } from "../stage.ts"
import { type Artifact, hasCheckpoint } from "../store/store.ts"

/**
 * Begins an attempt. A line that a kill cut short is ended first, or it would swallow the first line of this attempt.
 */
export const beginEvents = (directory: string): void => {
  const file = join(directory, eventsFile)
  const earlier = join(directory, metricsFile)
  // Attempts of earlier versions wrote one file only.
  if (!existsSync(file) && existsSync(earlier)) renameSync(earlier, file)
  if (existsSync(file) && readFileSync(file).at(-1) !== 10) appendFileSync(file, "\n")
}

/** Begins a training that goes on from a shorter one with its events, unless it has a checkpoint of its own. */
export const continueEvents = (directory: string, { directory: shorter }: Artifact): void => {
  const before = join(shorter, metricsFile)
  if (!hasCheckpoint(directory) && existsSync(before)) copyFileSync(before, join(directory, eventsFile))
}

/** Adds an event. */
export const addEvent = (directory: string, event: object): void =>
  appendFileSync(join(directory, eventsFile), `${JSON.stringify(event)}\n`)

/** Ends the stage: its events become its metrics, unless it wrote metrics itself. */
export const endEvents = (directory: string): void => {
  const [events, metrics] = [join(directory, eventsFile), join(directory, metricsFile)]
  if (existsSync(events) && !existsSync(metrics)) copyFileSync(events, metrics)
}
