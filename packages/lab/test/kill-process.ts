/** A process that is killed at a moment of its run: what it told until then decides when. */
import { join } from "node:path"
import type { KillRun } from "./kill-run.ts"

/** An event as kill-child.ts prints it. */
interface Told {
  readonly _tag: string
  readonly stage?: string
  readonly unit?: string
  readonly reused?: boolean
  readonly done?: number
  readonly total?: number
  readonly directory?: string
}

/** When a process is killed: some milliseconds after the first event of a kind. */
export interface Moment {
  readonly name: string
  readonly at: (event: Told) => boolean
  /** Of a uniform draw. */
  readonly milliseconds: number
}

const early: ReadonlyArray<Moment> = [
  { name: "in a training", at: (e) => e._tag === "progress" && e.done! > 3, milliseconds: 120 },
  // weights, hashes, manifest, clean-up, rename
  {
    name: "as a stage ends",
    at: (e) => e._tag === "progress" && e.unit === "steps" && e.done === e.total,
    milliseconds: 12,
  },
  {
    name: "as a measurement begins",
    at: (e) => e._tag === "started" && /^(measure|target's|tokens)/.test(e.stage!),
    milliseconds: 25,
  },
  { name: "as an artifact takes its place", at: (e) => e._tag === "done" && e.reused === false, milliseconds: 5 },
]

/** Moments all over a run, in the order in which rounds take them: most before its last stage is done. */
export const moments: ReadonlyArray<Moment> = [
  { name: "anywhere", at: () => true, milliseconds: 900 },
  ...early,
  ...early,
  // record, report, store of runs
  { name: "as results are written", at: (e) => e._tag === "all", milliseconds: 300 },
]

export interface Ended {
  /** False when it came to its end before the moment. */
  readonly killed: boolean
  /** The last event that it told. */
  readonly last: string
  /** The folder of results, of one that came to its end. */
  readonly directory: string | undefined
}

/** A process of kill-child.ts that waits to be told what to run: it may be started while another one runs. */
export const startChild = () =>
  Bun.spawn([process.execPath, join(import.meta.dir, "kill-child.ts")], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, WINNOW_CHECKPOINT_SECONDS: "0.1" },
  })

/**
 * Runs kill-child.ts.
 *
 * @param moment when it is killed; to its end if left out
 * @param draw uniform in [0, 1)
 * @error Error (thrown) when it fails by itself
 */
export const runChild = async (run: KillRun, moment?: Moment, draw = 0, child = startChild()): Promise<Ended> => {
  child.stdin.write(JSON.stringify(run))
  child.stdin.end()
  let [rest, last] = ["", "its start"]
  let directory: string | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  const errors = new Response(child.stderr).text()
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n")
    rest = lines.pop()!
    for (const event of lines.map((line) => JSON.parse(line) as Told)) {
      last = `${event._tag} ${event.stage ?? ""}`
      directory = event.directory ?? directory
      if (timer === undefined && moment?.at(event))
        timer = setTimeout(() => child.kill("SIGKILL"), draw * moment.milliseconds)
    }
  }
  await child.exited
  clearTimeout(timer)
  if (child.signalCode === "SIGKILL") return { killed: true, last, directory: undefined }
  if (child.exitCode !== 0) throw new Error(`after ${last}: exit code ${child.exitCode}: ${await errors}`)
  return { killed: false, last, directory }
}
