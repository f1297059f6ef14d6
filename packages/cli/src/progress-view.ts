/**
 * Shows all of a run's progress: the beginning and the end of each stage, on a terminal a bar for each running one,
 * elsewhere occasional plain lines.
 */

import type { ProgressEvent } from "@winnow/lab"
import { clock, duration } from "@winnow/lab"
import { bar, makeScreen, type View, type ViewOptions } from "./screen.ts"

/** A running stage. */
interface Running {
  /** Its first event: a resumed stage begins in the middle. */
  began?: { readonly at: number; readonly done: number }
  /** Time of its last plain line. */
  shownAt: number
}

/**
 * The view.
 *
 * @param options.terminal true if lines can be redrawn
 * @param options.everySeconds least time between two plain lines of one stage, 5 by default
 */
export const progressView = (options: ViewOptions): View => {
  const { write, terminal, columns = 100, everySeconds = 5, now = () => performance.now() / 1000 } = options
  const running = new Map<string, Running>()
  const screen = makeScreen({ write, terminal, columns, now })
  const { bottom, line } = screen
  let drawnLines = 0
  const flush = () => {
    const [count, stages] = [drawnLines, drawnLines === 1 ? "stage was" : "stages were"]
    drawnLines = 0
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
      screen.drawSoon()
    } else line(`${number(event)} ${stage}: ${rest}`)
  }
  const onDownload = ({ file, done, total }: Extract<ProgressEvent, { _tag: "download" }>) => {
    const text = `${file}: ${(done / 1e6).toFixed(1)}/${(total / 1e6).toFixed(1)} MB`
    if (terminal && done < total) {
      bottom.set(file, text)
      screen.drawSoon()
      return
    }
    const state = running.get(file) ?? { shownAt: Number.NEGATIVE_INFINITY }
    running.set(file, state)
    if (now() - state.shownAt < everySeconds && done < total) return
    state.shownAt = now()
    if (done >= total) over(file)
    line(text)
  }

  const onQueue = (text: string) => {
    if (!terminal) {
      if (text !== "") line(text)
      return
    }
    if (text === "") bottom.delete("queue")
    else bottom.set("queue", text)
    screen.draw()
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
      case "queue":
        onQueue(event.text)
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
          screen.draw()
        } else line(`${number(event)} ${event.stage}${event.resuming ? ", going on where it was" : ""}`)
        break
      case "done":
        if (event.reused) {
          drawnLines++
          break
        }
        over(nameOf(event))
        line(`${number(event)} ${event.stage}: done in ${duration(event.seconds)}`)
        break
      case "failed":
        flush()
        over(nameOf(event))
        line(`${number(event)} ${event.stage}: failed, stages that depend on it are left out: ${event.message}`)
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
      screen.erase()
    },
  }
}
