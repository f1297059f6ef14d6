/** The finished share of a run, and the time that is left, from its events. */
import type { ProgressEvent } from "../progress.ts"

type Of<Tag extends ProgressEvent["_tag"]> = Extract<ProgressEvent, { _tag: Tag }>

/** Measures the progress of a run's stages by their FLOPs. A stage without FLOPs costs next to nothing. */
export interface Meter {
  readonly plan: (event: Of<"planned">) => void
  readonly begin: () => void
  /**
   * Reports the finished fraction of a stage, 0 to 1. The first report of a stage gives the fraction of an earlier
   * attempt.
   */
  readonly at: (stage: string, part: number) => void
  readonly ended: (stage: string, reused: boolean) => void
  /** The number of finished stages, and of all stages. */
  readonly counts: () => { readonly over: number; readonly of: number }
  readonly fraction: () => number
  /** Seconds until the end at the pace so far; undefined while there is too little data. */
  readonly left: () => number | undefined
}

/** @param now the present time in seconds */
export const makeMeter = (now: () => number): Meter => {
  let work = new Map<string, number>()
  let began: number | undefined
  /** By a stage's label, the finished fraction, and the fraction that an earlier attempt finished. */
  const done = new Map<string, number>()
  const before = new Map<string, number>()
  const all = () => [...work.values()].reduce((a, b) => a + b, 0)
  const flopsOf = (parts: ReadonlyMap<string, number>) =>
    [...work].reduce((sum, [stage, flops]) => sum + flops * (parts.get(stage) ?? 0), 0)
  return {
    plan: ({ stages, beginning }) => {
      work = new Map(stages.map(({ stage, flops }) => [stage, flops]))
      if (!beginning) return
      began = undefined
      done.clear()
      before.clear()
    },
    begin: () => {
      began ??= now()
    },
    at: (stage, part) => {
      if (!before.has(stage)) before.set(stage, part)
      done.set(stage, part)
    },
    ended: (stage, reused) => {
      if (!before.has(stage)) before.set(stage, reused ? 1 : 0)
      done.set(stage, 1)
    },
    counts: () => ({ over: [...done.values()].filter((part) => part === 1).length, of: work.size }),
    fraction: () => (all() === 0 ? 0 : flopsOf(done) / all()),
    left: () => {
      const [total, flopsDone, old] = [all(), flopsOf(done), flopsOf(before)]
      const seconds = began === undefined ? 0 : now() - began
      if (seconds < 2 || flopsDone - old <= 0.005 * (total - old)) return undefined
      return ((total - flopsDone) * seconds) / (flopsDone - old)
    },
  }
}
