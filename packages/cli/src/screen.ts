/** Lines on stderr: some stay, and on a terminal some stand below them and are redrawn. */
import type { ProgressEvent } from "@winnow/lab"

/** A way to show a run's progress. */
export interface View {
  readonly report: (event: ProgressEvent) => void
  /** Clears the redrawn lines, so that the next output begins on a new line. */
  readonly end: () => void
}

/** Where a view writes. */
export interface ViewOptions {
  readonly write: (text: string) => void
  /** True if lines can be redrawn. */
  readonly terminal: boolean
  /** Of the terminal; 100 by default. */
  readonly columns?: number
  /** Least time between two plain lines of one matter. */
  readonly everySeconds?: number
  /** Seconds. */
  readonly now?: () => number
}

/** A bar of `width` characters, filled up to a fraction of 0 to 1. */
export const bar = (fraction: number, width: number): string => {
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * width)
  return "█".repeat(full) + "░".repeat(width - full)
}

export interface Screen {
  /** The lines that are redrawn, by what they are about, in their order; shown by `draw`. */
  readonly bottom: Map<string, string>
  readonly draw: () => void
  /** Draws, unless that was done a tenth of a second ago. */
  readonly drawSoon: () => void
  /** Writes a line that stays. */
  readonly line: (text: string) => void
  /** Clears the redrawn lines, so that the next output begins on a new line. */
  readonly erase: () => void
}

/** @param options.terminal whether lines can be redrawn; elsewhere nothing is, and `bottom` stays unseen */
export const makeScreen = ({
  write,
  terminal,
  columns,
  now,
}: {
  readonly write: (text: string) => void
  readonly terminal: boolean
  readonly columns: number
  /** Seconds. */
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
