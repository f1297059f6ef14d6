/** Tries one kind of damage in child processes, counts outcomes and failures, and resumes after a crash. */
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Kind, Outcome, Tried } from "./kind.ts"

export interface Failure extends Tried {
  /** Number of the trial: `--kind K --first N --count 1` repeats it. */
  readonly trial: number
}

/** The outcomes of a kind. */
export interface Counts {
  readonly kind: string
  readonly of: string
  /** Number of the first trial. */
  readonly first: number
  readonly tried: number
  readonly outcomes: Readonly<Record<Outcome, number>>
  readonly seconds: number
  /** Seconds of the longest trial. */
  readonly longest: number
  readonly failures: ReadonlyArray<Failure>
}

interface Line {
  readonly begin?: number
  readonly end?: number
  readonly outcome?: Outcome
  readonly damage?: string
  readonly detail?: string
  readonly seconds?: number
}

/** Lines of JSON. readline would also split at other line ends, which a text may contain. */
async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Line> {
  const decoder = new TextDecoder()
  let rest = ""
  for await (const bytes of stream) {
    const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n")
    rest = parts.pop()!
    for (const text of parts) yield JSON.parse(text) as Line
  }
}

/** A folder in memory if there is one: on a disk, half of the trials wait for writes. */
const place = (): string => process.env["WINNOW_ATTACK_FOLDER"] ?? (existsSync("/dev/shm") ? "/dev/shm" : tmpdir())

/** Trials of one process. They share its start and set-up, and its end frees leaks. */
const portion = 2000

/**
 * Tries a kind for some time, or a number of times.
 *
 * @param options.onTried called after each trial
 * @param options.stop ends the attack at once; the current trial does not count
 */
export const runKind = async (
  kind: Kind,
  options: {
    readonly seed: number
    readonly first: number
    readonly count: number
    readonly milliseconds: number
    readonly onTried?: (trial: number, tried: Tried) => void
    readonly stop?: AbortSignal
  },
): Promise<Counts> => {
  const outcomes: Record<Outcome, number> = { refused: 0, same: 0, faithful: 0, read: 0, wrong: 0 }
  const failures: Array<Failure> = []
  const began = performance.now()
  const millisecondsLeft = () => options.milliseconds - (performance.now() - began)
  let [next, longest] = [options.first, 0]
  const end = options.first + options.count
  const note = (trial: number, tried: Tried) => {
    outcomes[tried.outcome]++
    if (tried.outcome === "wrong") failures.push({ trial, ...tried })
    options.onTried?.(trial, tried)
  }
  while (next < end && millisecondsLeft() > 0 && !options.stop?.aborted) {
    const from = next
    // This process owns the folder, as it outlives the child and all that the child starts.
    const folder = mkdtempSync(join(place(), `winnow-attack-${kind.name}-`))
    const args = [
      folder,
      kind.name,
      options.seed,
      next,
      Math.min(portion, end - next),
      Math.ceil(millisecondsLeft()),
    ].map(String)
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "child.ts"), ...args], {
      stdout: "pipe",
      stderr: "pipe",
    })
    const kill = () => child.kill("SIGKILL")
    options.stop?.addEventListener("abort", kill)
    const errors = new Response(child.stderr).text()
    let running: number | undefined
    let telling = ""
    let hung = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const watch = (seconds: number) => {
      clearTimeout(timer)
      timer = setTimeout(() => {
        hung = true
        kill()
      }, seconds * 1000)
    }
    watch(120) // the set-up
    for await (const line of linesOf(child.stdout)) {
      if (line.begin !== undefined) {
        running = line.begin
        telling = "unknown"
        watch(kind.seconds)
      } else if (line.end !== undefined) {
        watch(120)
        running = undefined
        next = line.end + 1
        longest = Math.max(longest, line.seconds ?? 0)
        note(line.end, { outcome: line.outcome!, damage: line.damage!, detail: line.detail! })
      } else if (line.damage !== undefined) telling = line.damage
    }
    clearTimeout(timer)
    const code = await child.exited
    options.stop?.removeEventListener("abort", kill)
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
    if (options.stop?.aborted) break
    if (running !== undefined) {
      const how = hung ? `hung for ${kind.seconds} s` : `the process ended (${child.signalCode ?? code})`
      note(running, { outcome: "wrong", damage: telling, detail: `${how}: ${(await errors).slice(-600)}` })
      next = running + 1
    } else if (next === from && code !== 0)
      throw new Error(`attack ${kind.name} cannot be set up: ${(await errors).slice(-2000)}`)
    else if (next === from) break // its time was over in the set-up
  }
  const tried = Object.values(outcomes).reduce((a, b) => a + b, 0)
  const seconds = (performance.now() - began) / 1000
  return { kind: kind.name, of: kind.of, first: options.first, tried, outcomes, seconds, longest, failures }
}
