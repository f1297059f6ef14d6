/** A run's progress on stderr: a bar that is redrawn on a terminal, a plain line now and then elsewhere. */
import type { ProgressEvent } from "@winnow/lab"

export interface View {
  readonly report: (event: ProgressEvent) => void
  /** Clears the bar, so that what is printed next begins on a line of its own. */
  readonly end: () => void
}

/** 75 as "1:15", 3675 as "1:01:15". */
export const clock = (seconds: number): string => {
  const s = Math.round(seconds)
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60]
  const two = (n: number) => String(n).padStart(2, "0")
  return h > 0 ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`
}

/** Seconds as a person says them: "0.8 s", "42 s", "3:20". */
export const duration = (seconds: number): string =>
  seconds < 10 ? `${seconds.toFixed(1)} s` : seconds < 100 ? `${seconds.toFixed(0)} s` : clock(seconds)

const bar = (fraction: number, width: number): string => {
  const full = Math.round(fraction * width)
  return "█".repeat(full) + "░".repeat(width - full)
}

/**
 * The view.
 *
 * @param options.terminal whether lines can be redrawn
 * @param options.everySeconds least time between two plain lines of one stage, 5 by default
 */
export const progressView = (options: {
  readonly write: (text: string) => void
  readonly terminal: boolean
  readonly columns?: number
  readonly everySeconds?: number
  readonly now?: () => number
}): View => {
  const { write, terminal, everySeconds = 5, now = () => performance.now() / 1000 } = options
  /** The first event of a stage: a resumed one begins in the middle. */
  let began: { readonly at: number; readonly done: number } | undefined
  let shownAt = Number.NEGATIVE_INFINITY
  let there = 0
  const clear = () => terminal && write("\r\u001b[2K")
  const line = (text: string) => {
    clear()
    write(`${text}\n`)
  }
  const flush = () => {
    if (there > 0) line(`         ${there} ${there === 1 ? "stage was" : "stages were"} there already`)
    there = 0
  }
  const number = ({ index, of }: { index: number; of: number }) => `[${String(index).padStart(2)}/${of}] `

  const report = (event: ProgressEvent): void => {
    switch (event._tag) {
      case "note":
        flush()
        line(event.text)
        return
      case "download": {
        if (now() - shownAt < (terminal ? 0.1 : everySeconds) && event.done < event.total) return
        shownAt = now()
        const text = `${event.file}: ${(event.done / 1e6).toFixed(1)}/${(event.total / 1e6).toFixed(1)} MB`
        if (terminal) write(`\r\u001b[2K${text}`)
        else line(text)
        return
      }
      case "waiting":
        flush()
        line(`${number(event)} ${event.stage}: waiting for ${event.holder}, which is making it`)
        return
      case "started":
        flush()
        began = undefined
        shownAt = terminal ? Number.NEGATIVE_INFINITY : now()
        if (!terminal) line(`${number(event)} ${event.stage}${event.resuming ? ", going on where it was" : ""}`)
        return
      case "done":
        if (event.reused) {
          there++
          return
        }
        line(`${number(event)} ${event.stage}: done in ${duration(event.seconds)}`)
        return
      case "failed":
        flush()
        line(`${number(event)} ${event.stage}: failed, and what depends on it is left out: ${event.message}`)
        return
      case "progress": {
        const { done, total, unit, stage, detail } = event
        const time = now()
        began ??= { at: time, done }
        if (time - shownAt < (terminal ? 0.1 : everySeconds)) return
        shownAt = time
        const rate = (done - began.done) / Math.max(1e-9, time - began.at)
        const left = rate > 0 ? `  ${clock((total - done) / rate)} left` : ""
        const speed = rate > 0 && unit !== "parts" ? `  ${rate.toPrecision(3)} ${unit}/s` : ""
        const count = `${Number.isInteger(done) ? done : done.toFixed(1)}/${total} ${unit}`
        const rest = `${count}${speed}${left}${detail ? `  ${detail}` : ""}`
        if (!terminal) {
          line(`${number(event)} ${stage}: ${rest}`)
          return
        }
        const text = `${number(event)} ${stage}  ${bar(done / total, 20)}  ${rest}`
        write(`\r\u001b[2K${text.slice(0, (options.columns ?? 100) - 1)}`)
      }
    }
  }
  return {
    report,
    end: () => {
      flush()
      clear()
    },
  }
}
