/**
 * The finished share of a run, and the time that is left, from its events.
 *
 * Each stage has an estimate of its seconds by earlier stages of its kind; without one, by its FLOPs at the run's own
 * rate. The run corrects estimates as it goes: a kind whose finished stages took twice their estimates takes twice of the
 * rest, because this machine is busy now, or was busy before.
 */
import type { PlannedPart, ProgressEvent } from "../progress.ts"

/** Parts of a stage that are seen in this attempt before its own pace counts. */
const enough = 0.02
/** A running stage that has used up its estimate has this share of it left. */
const late = 0.1

interface Running {
  readonly at: number
  /** True if it goes on from a checkpoint: its first progress is of an earlier attempt. */
  readonly resuming: boolean
  /** Time and part of its first progress in this attempt. */
  first?: { readonly at: number; readonly part: number }
  part: number
}

/** The time that is left. */
export interface TimeLeft {
  readonly seconds: number
  /** True while stages are left that nothing is known of. */
  readonly atLeast: boolean
}

/** Measures a run by its events. */
export interface Meter {
  readonly add: (event: ProgressEvent) => void
  /** The number of stages that have ended, and of all stages. */
  readonly counts: () => { readonly over: number; readonly of: number }
  /** 0 to 1. */
  readonly fraction: () => number
  /** Until the end; undefined while nothing is known. */
  readonly left: () => TimeLeft | undefined
  /** Of a running stage, as far as it is known. */
  readonly leftOf: (stage: string) => number | undefined
}

/** @param now the present time in seconds */
export const makeMeter = (now: () => number): Meter => {
  let plan = new Map<string, PlannedPart>()
  let slots: number | null = 1
  const running = new Map<string, Running>()
  /** Seconds of ended stages, and true for those that this run has not made. */
  const ended = new Map<string, { readonly seconds: number; readonly reused: boolean }>()

  const failed = new Set<string>()

  /** Sums over the stages of a kind that this run has made, or of all kinds. */
  const made = (kind?: string) => {
    const sums = { count: 0, seconds: 0, expected: 0, expectedSeconds: 0, flops: 0, flopsSeconds: 0 }
    for (const [stage, { seconds, reused }] of ended) {
      const of = plan.get(stage)
      if (reused || of === undefined || (kind !== undefined && of.kind !== kind)) continue
      sums.count++
      sums.seconds += seconds
      if (of.expected !== null) {
        sums.expected += of.expected
        sums.expectedSeconds += seconds
      }
      if (of.flops > 0) {
        sums.flops += of.flops
        sums.flopsSeconds += seconds
      }
    }
    return sums
  }

  /** FLOPs a second of the running stages, by their own pace. */
  const runningRate = (): number | undefined => {
    let [flops, seconds] = [0, 0]
    for (const [stage, { first, part }] of running) {
      const of = plan.get(stage)
      if (of === undefined || first === undefined || of.flops === 0 || part - first.part < enough) continue
      flops += of.flops * (part - first.part)
      seconds += now() - first.at
    }
    return flops > 0 && seconds > 0 ? flops / seconds : undefined
  }

  /** Seconds of a whole stage that has not ended; undefined if nothing is known. */
  const expectations = () => {
    const kinds = new Map<string, ReturnType<typeof made>>()
    const all = made()
    const rate = all.flops > 0 && all.flopsSeconds > 0 ? all.flops / all.flopsSeconds : runningRate()
    return ({ kind, expected, flops }: PlannedPart): number | undefined => {
      const own = kinds.get(kind) ?? made(kind)
      kinds.set(kind, own)
      if (expected !== null) return own.expected > 0 ? (expected * own.expectedSeconds) / own.expected : expected
      if (flops > 0 && own.flops > 0) return (flops * own.flopsSeconds) / own.flops
      if (flops > 0 && rate !== undefined) return flops / rate
      return flops === 0 && own.count > 0 ? own.seconds / own.count : undefined
    }
  }

  const remaining = (of: PlannedPart, expected: number | undefined): number | undefined => {
    const is = running.get(of.stage)
    if (is === undefined) return expected
    const { first, part, at, resuming } = is
    // Parts of a measurement differ in length; steps do not.
    if (first !== undefined && of.unit !== "parts" && part - first.part >= enough)
      return ((1 - part) * (now() - first.at)) / (part - first.part)
    if (expected === undefined) return undefined
    const here = (1 - (resuming ? (first?.part ?? 0) : 0)) * expected
    return Math.max(here - (now() - at), late * here)
  }

  /** Keys of the stages that failed, and of those that are left out because of them. */
  const lost = (): ReadonlySet<string> => {
    const keys = new Set<string>()
    if (failed.size === 0) return keys
    for (const { stage, key, after } of plan.values())
      if (failed.has(stage) || after.some((input) => keys.has(input))) keys.add(key)
    return keys
  }

  /** The longest chain of what is left. */
  const longestChain = (left: ReadonlyMap<string, number>): number => {
    const byKey = new Map<string, number>()
    for (const { stage, key, after } of plan.values()) {
      const before = Math.max(0, ...after.map((input) => byKey.get(input) ?? 0))
      byKey.set(key, before + (left.get(stage) ?? 0))
    }
    return Math.max(0, ...byKey.values())
  }

  return {
    add: (event) => {
      switch (event._tag) {
        case "planned":
          plan = new Map(event.stages.map((of) => [of.stage, of]))
          slots = event.slots
          if (!event.beginning) break
          running.clear()
          ended.clear()
          failed.clear()
          break
        case "started":
          running.set(event.stage, { at: now(), resuming: event.resuming, part: 0 })
          break
        case "progress": {
          const { stage, done, total } = event
          const part = total === 0 ? 0 : Math.min(0.999, done / total)
          const is = running.get(stage) ?? { at: now(), resuming: true, part }
          running.set(stage, is)
          is.first ??= { at: now(), part }
          is.part = part
          break
        }
        case "done":
          running.delete(event.stage)
          ended.set(event.stage, { seconds: event.seconds, reused: event.reused })
          break
        case "failed":
          running.delete(event.stage)
          failed.add(event.stage)
          // It tells nothing of the time that its kind takes.
          ended.set(event.stage, { seconds: 0, reused: true })
      }
    },
    counts: () => ({ over: [...ended.keys()].filter((stage) => plan.has(stage)).length, of: plan.size }),
    fraction: () => {
      const expected = expectations()
      const out = lost()
      const weights = [...plan.values()].map((of) =>
        out.has(of.key) ? 0 : (ended.get(of.stage)?.seconds ?? expected(of)),
      )
      const known = weights.filter((weight) => weight !== undefined)
      const usual = known.length === 0 ? 1 : known.reduce((a, b) => a + b, 0) / known.length
      let [done, all] = [0, 0]
      for (const [i, { stage }] of [...plan.values()].entries()) {
        const weight = weights[i] ?? usual
        all += weight
        done += weight * (ended.has(stage) ? 1 : (running.get(stage)?.part ?? 0))
      }
      return all === 0 ? 0 : done / all
    },
    left: () => {
      const expected = expectations()
      const out = lost()
      const left = new Map<string, number>()
      let [unknown, alone, beside, count] = [0, 0, 0, 0]
      for (const of of plan.values()) {
        if (ended.has(of.stage) || out.has(of.key)) continue
        const seconds = remaining(of, expected(of))
        if (seconds === undefined) {
          unknown++
          continue
        }
        left.set(of.stage, seconds)
        if (of.alone && slots !== null) alone += seconds
        else {
          beside += seconds
          count++
        }
      }
      const chain = longestChain(left)
      const shared = slots === null ? 0 : alone + beside / Math.max(1, Math.min(slots, count))
      const seconds = Math.max(chain, shared)
      const isKnown = plan.size > 0 && (unknown === 0 || seconds >= 1)
      return isKnown ? { seconds, atLeast: unknown > 0 } : undefined
    },
    leftOf: (stage) => {
      const of = plan.get(stage)
      return of === undefined || !running.has(stage) ? undefined : remaining(of, expectations()(of))
    },
  }
}
