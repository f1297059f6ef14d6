/** A progress bar on a terminal, plain lines elsewhere; both on stderr, so that stdout stays for results. */

/** The output for progress; `process.stderr` is one. */
export interface Terminal {
  readonly isTTY: boolean
  /** Width in characters; only read on a terminal. */
  readonly columns: number
  readonly write: (text: string) => void
}

/** Shows one counted job after another. */
export interface Meter {
  /** Begins a job; without `total` (bytes) it shows neither percentage nor time left. */
  readonly start: (label: string, total?: number) => void
  /** The job has done `bytes` in all; ignored between jobs, so that a late report draws nothing. */
  readonly at: (bytes: number) => void
  /** Ends the job with a line that stays. */
  readonly end: () => void
  /** Writes a line that stays; it ends the display of a running job. */
  readonly say: (line: string) => void
}

const REDRAW_MS = 100
/** Plain lines go to log files: one in five seconds shows activity without filling them. */
const LINE_MS = 5000

/** stderr of this process. */
export const standardError = (): Terminal => ({
  isTTY: process.stderr.isTTY === true,
  columns: process.stderr.columns ?? 80,
  write: (text) => void process.stderr.write(text),
})

/** 0 <= `bytes`: "853 MB", "1.2 GB", "12 kB"; powers of 1000, like disks and networks. */
export const formatBytes = (bytes: number): string => {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`
  if (bytes >= 1e6) return `${Math.round(bytes / 1e6)} MB`
  return bytes >= 1e3 ? `${Math.round(bytes / 1e3)} kB` : `${bytes} bytes`
}

const formatTime = (seconds: number): string => {
  const whole = Math.ceil(seconds)
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`
}

/** A meter that writes to `terminal`; `now` is in milliseconds. */
export const createMeter = (
  terminal: Terminal = standardError(),
  now: () => number = () => performance.now(),
): Meter => {
  let label = ""
  let total: number | undefined
  let running = false
  let [began, drawnAt, bytes] = [0, 0, 0]
  /** The rate counts from the first bytes on, without the wait before them. */
  let first: { readonly time: number; readonly bytes: number } | undefined

  const figures = (): string => {
    const seconds = first === undefined ? 0 : (now() - first.time) / 1000
    const rate = first !== undefined && seconds > 0 ? (bytes - first.bytes) / seconds : 0
    const parts = [total === undefined ? formatBytes(bytes) : `${formatBytes(bytes)} of ${formatBytes(total)}`]
    if (rate > 0) parts.push(`${formatBytes(rate)}/s`)
    if (rate > 0 && total !== undefined && bytes < total) parts.push(`${formatTime((total - bytes) / rate)} left`)
    return parts.join("  ")
  }
  const percent = () =>
    total === undefined || total === 0 ? "" : `${Math.floor((100 * Math.min(bytes, total)) / total)}%`
  const bar = (): string => {
    const rest = `${label}  ${percent().padStart(4)}  ${figures()}`
    const room = Math.min(30, terminal.columns - rest.length - 4)
    if (total === undefined || total === 0 || room < 5) return rest.slice(0, terminal.columns - 1)
    const full = Math.round((room * Math.min(bytes, total)) / total)
    return `${label}  ${"█".repeat(full)}${"░".repeat(room - full)}  ${percent().padStart(4)}  ${figures()}`
  }
  const line = () => `${[label, percent(), figures()].filter((part) => part !== "").join("  ")}\n`

  return {
    start: (newLabel, newTotal) => {
      label = newLabel
      total = newTotal
      bytes = 0
      running = true
      first = undefined
      began = drawnAt = now()
      terminal.write(
        terminal.isTTY ? `\r\x1b[K${bar()}` : `${label}${total === undefined ? "" : ` (${formatBytes(total)})`}\n`,
      )
    },
    at: (newBytes) => {
      if (!running) return
      bytes = newBytes
      if (first === undefined && bytes > 0) first = { time: now(), bytes }
      if (now() - drawnAt < (terminal.isTTY ? REDRAW_MS : LINE_MS)) return
      drawnAt = now()
      terminal.write(terminal.isTTY ? `\r\x1b[K${bar()}` : line())
    },
    end: () => {
      running = false
      const seconds = (now() - began) / 1000
      const done = `${label}: ${formatBytes(bytes)} in ${seconds.toFixed(1)} s\n`
      terminal.write(terminal.isTTY ? `\r\x1b[K${done}` : done)
    },
    say: (text) => {
      running = false
      terminal.write(terminal.isTTY ? `\r\x1b[K${text}\n` : `${text}\n`)
    },
  }
}
