/** Stages of a command that has stopped, as jobs of a cluster leave them in the store and in the folder of their launch. */
import { existsSync, readFileSync, statSync } from "node:fs"
import { dirname, join } from "node:path"
import { launchesIn, messagesOf } from "../launch/launch-folder.ts"
import { errorFrom, fromWorker, parsed } from "../schedule/messages.ts"
import { eventsFile } from "../stage.ts"
import type { LiveState } from "./state.ts"

/** Milliseconds after the last sign of a job in which the jobs count as running. */
const fresh = 600_000

/** The message of a failed job; undefined for none. */
const failureOf = (home: string, key: string): string | undefined => {
  for (const folder of launchesIn(home)) {
    const file = messagesOf(folder, key)
    if (!existsSync(file)) continue
    // A job that is submitted again begins its file anew.
    const last = parsed(fromWorker, readFileSync(file, "utf8").trimEnd().split("\n").at(-1) ?? "")
    if (last?._tag === "failed") return errorFrom(last.error).message
  }
  return undefined
}

/**
 * Enters the stages that ended, run or failed without the command.
 *
 * @param root the folder of artifacts
 * @returns true if there was a sign of a job lately, and a stage is left to do
 */
export const readJobs = (state: LiveState, root: string): boolean => {
  let [left, signs] = [0, 0]
  for (const stage of state.stages.values()) {
    if (stage.state === "stored" || stage.state === "failed") continue
    const at = { stage: stage.stage, unit: stage.unit, index: 0, of: 0 }
    const folder = join(root, stage.kind, stage.key)
    const manifest = join(folder, "manifest.json")
    const isStored = existsSync(manifest)
    const message = isStored ? undefined : failureOf(dirname(root), stage.key)
    if (message !== undefined) {
      state.add({ at: Date.now(), event: { _tag: "failed", message, ...at } })
      continue
    }
    const sign = isStored ? manifest : join(`${folder}.partial`, eventsFile)
    const isFresh = existsSync(sign) && Date.now() - statSync(sign).mtimeMs < fresh
    if (isFresh) signs++
    if (isStored) {
      if (stage.state === "done") continue
      state.meter.add({ _tag: "done", reused: true, seconds: 0, key: stage.key, ...at })
      stage.state = "done"
    } else {
      left++
      stage.state = isFresh ? "running" : "waiting"
    }
  }
  return left > 0 && signs > 0
}
