/** Lines on stderr: some stay, and on a terminal others below them are redrawn. */
import type { ProgressEvent } from "@winnow/lab"

/** A way to show a run's progress. */
export interface View {
  readonly report: (event: ProgressEvent) => void
  /** Clears the redrawn lines, so that the next output begins on a new line. */
  readonly end: () => void
}

/** The output of a view. */
export interface ViewOptions {
  readonly write: (text: string) => void
  /** True if lines can be redrawn. */
  readonly terminal: boolean
  /** Width of the terminal; 100 by default. */
  readonly columns?: number
  /** Least time between two plain lines on one subject. */
  readonly everySeconds?: number
  /** The present time in seconds. */
  readonly now?: () => number
}

/** A bar of `width` characters, filled up to a fraction of 0 to 1. */
export const bar = (fraction: number, width: number): string => {
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * width)
  return "█".repeat(full) + "░".repeat(width - full)
}

export interface Screen {
  /** The redrawn lines, by subject, in their order; `draw` shows them. */
  readonly bottom: Map<string, string>
  readonly draw: () => void
  /** Draws, unless the last drawing was less than a tenth of a second ago. */
  readonly drawSoon: () => void
  /** Writes a line that stays. */
  readonly line: (text: string) => void
  /** Clears the redrawn lines, so that the next output begins on a new line. */
  readonly erase: () => void
}

/** @param options.terminal true if lines can be redrawn; else `bottom` is never shown */
export const makeScreen = ({
  write,
  terminal,
  columns,
  now,
}: {
  readonly write: (text: string) => void
  readonly terminal: boolean
  readonly columns: number
  /** The present time in seconds. */
  readonly now: () => number
}): Screen => {
  const bottom = new Map<string, string>()
  let lineCount = 0
  let drawnAt = Number.NEGATIVE_INFINITY
  const erase = () => {
    if (terminal) write(`\r\u001b[2K${"\u001b[1A\u001b[2K".repeat(Math.max(0, lineCount - 1))}`)
    lineCount = 0
  }
  const draw = () => {
    if (!terminal) return
    erase()
    write([...bottom.values()].map((text) => text.slice(0, columns - 1)).join("\n"))
    lineCount = bottom.size
    drawnAt = now()
  }
  return {
    bottom,
    draw,
    drawSoon: () => {
      if (now() - drawnAt >= 0.1) draw()
    },
    line: (text) => {
      erase()
      write(`${text}\n`)
      if (bottom.size > 0) draw()
    },
    erase,
  }
}
