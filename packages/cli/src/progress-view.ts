/** A run's progress on stderr: on a terminal a bar for each stage that runs, redrawn; elsewhere a plain line now and then. */
import type { ProgressEvent } from "@winnow/lab"

export interface View {
  readonly report: (event: ProgressEvent) => void
  /** Clears the bars, so that what is printed next begins on a line of its own. */
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

/** A stage that runs. */
interface Running {
  /** Its first event: a resumed stage begins in the middle. */
  began?: { readonly at: number; readonly done: number }
  /** When a plain line of it was written. */
  shownAt: number
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
  const { write, terminal, columns = 100, everySeconds = 5, now = () => performance.now() / 1000 } = options
  const running = new Map<string, Running>()
  /** On a terminal, the lines at the bottom that are redrawn, by what they are about. */
  const bottom = new Map<string, string>()
  let drawn = 0
  let drawnAt = Number.NEGATIVE_INFINITY
  let there = 0

  const erase = () => {
    if (terminal) write(`\r\u001b[2K${"\u001b[1A\u001b[2K".repeat(Math.max(0, drawn - 1))}`)
    drawn = 0
  }
  const draw = () => {
    erase()
    write([...bottom.values()].map((text) => text.slice(0, columns - 1)).join("\n"))
    drawn = bottom.size
    drawnAt = now()
  }
  /** A line that stays, above those that are redrawn. */
  const line = (text: string) => {
    erase()
    write(`${text}\n`)
    if (bottom.size > 0) draw()
  }
  const flush = () => {
    const [count, stages] = [there, there === 1 ? "stage was" : "stages were"]
    there = 0
    if (count > 0) line(`         ${count} ${stages} there already`)
  }
  const number = ({ index, of }: { index: number; of: number }) => `[${String(index).padStart(2)}/${of}] `
  const nameOf = ({ index, stage }: { index: number; stage: string }) => `${index} ${stage}`
  const over = (name: string) => {
    running.delete(name)
    bottom.delete(name)
  }

  const onProgress = (event: Extract<ProgressEvent, { _tag: "progress" }>) => {
    const { done, total, unit, stage, detail } = event
    const [time, name] = [now(), nameOf(event)]
    const state = running.get(name) ?? { shownAt: Number.NEGATIVE_INFINITY }
    running.set(name, state)
    state.began ??= { at: time, done }
    if (!terminal && time - state.shownAt < everySeconds) return
    state.shownAt = time
    const rate = (done - state.began.done) / Math.max(1e-9, time - state.began.at)
    const left = rate > 0 ? `  ${clock((total - done) / rate)} left` : ""
    const speed = rate > 0 && unit !== "parts" ? `  ${rate.toPrecision(3)} ${unit}/s` : ""
    const count = `${Number.isInteger(done) ? done : done.toFixed(1)}/${total} ${unit}`
    const rest = `${count}${speed}${left}${detail ? `  ${detail}` : ""}`
    if (terminal) {
      bottom.set(name, `${number(event)} ${stage}  ${bar(done / total, 20)}  ${rest}`)
      if (time - drawnAt >= 0.1) draw()
    } else line(`${number(event)} ${stage}: ${rest}`)
  }
  const onDownload = ({ file, done, total }: Extract<ProgressEvent, { _tag: "download" }>) => {
    const text = `${file}: ${(done / 1e6).toFixed(1)}/${(total / 1e6).toFixed(1)} MB`
    if (terminal && done < total) {
      bottom.set(file, text)
      if (now() - drawnAt >= 0.1) draw()
      return
    }
    const state = running.get(file) ?? { shownAt: Number.NEGATIVE_INFINITY }
    running.set(file, state)
    if (now() - state.shownAt < everySeconds && done < total) return
    state.shownAt = now()
    if (done >= total) over(file)
    line(text)
  }

  const report = (event: ProgressEvent): void => {
    switch (event._tag) {
      case "note":
        flush()
        line(event.text)
        break
      case "download":
        onDownload(event)
        break
      case "waiting":
        flush()
        line(`${number(event)} ${event.stage}: waiting for ${event.holder}, which is making it`)
        break
      case "started":
        flush()
        running.set(nameOf(event), { shownAt: now() })
        if (terminal) {
          bottom.set(nameOf(event), `${number(event)} ${event.stage}`)
          draw()
        } else line(`${number(event)} ${event.stage}${event.resuming ? ", going on where it was" : ""}`)
        break
      case "done":
        if (event.reused) {
          there++
          break
        }
        over(nameOf(event))
        line(`${number(event)} ${event.stage}: done in ${duration(event.seconds)}`)
        break
      case "failed":
        flush()
        over(nameOf(event))
        line(`${number(event)} ${event.stage}: failed, and what depends on it is left out: ${event.message}`)
        break
      case "progress":
        onProgress(event)
    }
  }
  return {
    report,
    end: () => {
      bottom.clear()
      flush()
      erase()
    },
  }
}

/** The view of this process: on stderr, as wide as its terminal. */
export const viewOnStderr = (): View =>
  progressView({
    write: (text) => void process.stderr.write(text),
    terminal: process.stderr.isTTY === true,
    columns: process.stderr.columns ?? 100,
  })
