/** A run's progress in short: the finished share, the time left, the running stages, the failures. */
import { clock, makeMeter, type ProgressEvent } from "@winnow/lab"
import { bar, makeScreen, type View, type ViewOptions } from "./screen.ts"

type Of<Tag extends ProgressEvent["_tag"]> = Extract<ProgressEvent, { _tag: Tag }>

/**
 * The short view. On a terminal it redraws a line for the whole run and one for each running stage; elsewhere it writes
 * a line at the beginning and one every half minute. Failures, waiting and important notes are lines that stay.
 *
 * @param options.everySeconds least time between two plain lines, 30 by default
 */
export const briefView = (options: ViewOptions): View => {
  const { write, terminal, columns = 100, everySeconds = 30, now = () => performance.now() / 1000 } = options
  const screen = makeScreen({ write, terminal, columns, now })
  const meter = makeMeter(now)
  const whole = "the run"
  let shownAt: number | undefined
  const downloads = new Map<string, number>()

  const state = (): string => {
    const { over, of } = meter.counts()
    const left = meter.left()
    const words = left && `, ${left.atLeast ? "at least" : "about"} ${clock(left.seconds)} left`
    return `${over} of ${of} stages done${words ?? ""}`
  }
  const redraw = () => {
    if (!terminal) return
    // First, before the other lines.
    const rest = [...screen.bottom].filter(([name]) => name !== whole)
    screen.bottom.clear()
    screen.bottom.set(whole, `${bar(meter.fraction(), 20)}  ${state()}`)
    for (const [name, text] of rest) screen.bottom.set(name, text)
    screen.drawSoon()
  }
  const plain = (what: string) => {
    if (terminal || (shownAt !== undefined && now() - shownAt < everySeconds)) return
    shownAt = now()
    screen.line(`${state()}: ${what}`)
  }
  const nameOf = ({ index, stage }: { readonly index: number; readonly stage: string }) => `${index} ${stage}`
  const onProgress = (event: Of<"progress">) => {
    const { stage, done, total, unit, detail } = event
    const count = `${Number.isInteger(done) ? done : done.toFixed(1)}/${total} ${unit}`.trim()
    screen.bottom.set(nameOf(event), `  ${stage}  ${count}${detail === "" ? "" : `  ${detail}`}`)
    redraw()
    plain(`${stage} ${count}`)
  }
  const onDownload = ({ file, done, total }: Of<"download">) => {
    const text = `${file}: ${(done / 1e6).toFixed(1)}/${(total / 1e6).toFixed(1)} MB`
    if (terminal && done < total) {
      screen.bottom.set(file, text)
      return screen.drawSoon()
    }
    screen.bottom.delete(file)
    const last = downloads.get(file)
    if (done < total && last !== undefined && now() - last < everySeconds) return
    downloads.set(file, now())
    screen.line(text)
  }
  const onQueue = (text: string) => {
    if (text === "") screen.bottom.delete("queue")
    else screen.bottom.set("queue", `  ${text}`)
    redraw()
    if (text !== "") plain(text)
  }
  const over = (event: Of<"done"> | Of<"failed">) => {
    screen.bottom.delete(nameOf(event))
    redraw()
  }

  const report = (event: ProgressEvent): void => {
    meter.add(event)
    switch (event._tag) {
      case "note":
        if (!event.detail) screen.line(event.text)
        break
      case "download":
        onDownload(event)
        break
      case "queue":
        onQueue(event.text)
        break
      case "waiting":
        screen.line(`${event.stage}: waiting for ${event.holder}, which is making it`)
        break
      case "started":
        screen.bottom.set(nameOf(event), `  ${event.stage}${event.resuming ? ", going on where it was" : ""}`)
        redraw()
        plain(`${event.stage}${event.resuming ? ", going on where it was" : ""}`)
        break
      case "done":
        over(event)
        break
      case "failed":
        over(event)
        screen.line(`${event.stage}: failed, stages that depend on it are left out: ${event.message}`)
        break
      case "progress":
        onProgress(event)
    }
  }
  return {
    report,
    end: () => {
      screen.bottom.clear()
      screen.erase()
    },
  }
}
