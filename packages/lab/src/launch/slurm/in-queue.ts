/** The launches of a store with jobs in Slurm's queue, as any machine that sees the store can tell them. */
import { basename } from "node:path"
import { Effect } from "effect"
import { jobsOf, launchesIn, readLaunch } from "../launch-folder.ts"
import { isLive, SlurmClient } from "./client.ts"
import { jobName } from "./slurm.ts"
import { statesText } from "./states-text.ts"

/** A launch with jobs that run or wait. */
export interface InQueue {
  readonly experiment: string
  readonly part: string | null
  /** The name of its jobs, for squeue and scancel. */
  readonly name: string
  /** The number of jobs by state, in words; the reason where Slurm does not answer. */
  readonly text: string
}

/** The launches whose jobs run or wait now. Launches without one are left out, and so is a damaged one. */
export const launchesInQueue = (home: string): Effect.Effect<ReadonlyArray<InQueue>> =>
  Effect.map(
    Effect.forEach(launchesIn(home), (folder) =>
      Effect.gen(function* () {
        const name = jobName(basename(folder))
        const { slug, part } = readLaunch(folder).experiment
        if (jobsOf(folder).size === 0) return []
        const { queued } = yield* SlurmClient
        const text = yield* Effect.match(queued(name), {
          onFailure: ({ message }) => `not known: ${message}`,
          onSuccess: (jobs) => {
            const live = [...jobs.values()].filter(isLive)
            return live.length === 0 ? undefined : statesText(live)
          },
        })
        return text === undefined ? [] : [{ experiment: slug, part, name, text }]
      }).pipe(Effect.catchCause(() => Effect.succeed([]))),
    ),
    (all) => all.flat(),
  )
