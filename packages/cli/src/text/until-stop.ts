/** Text up to the first of some strings, as it comes in parts. */

/** Text that goes through as soon as no stop string can begin in it. */
export interface UntilStop {
  /** The text that can go out now. */
  readonly push: (text: string) => string
  /** True after a stop string: nothing more goes out. */
  readonly done: boolean
  /** The text that waited for a stop string that never came whole. */
  readonly end: () => string
}

/** The length of the longest end of a text with which a stop string begins. */
const beginning = (text: string, stops: ReadonlyArray<string>): number => {
  const longest = Math.max(0, ...stops.map((stop) => stop.length - 1))
  for (let n = Math.min(longest, text.length); n > 0; n--) {
    const end = text.slice(-n)
    if (stops.some((stop) => stop.startsWith(end))) return n
  }
  return 0
}

/** Cuts a text before the first stop string; of several that begin at one place it does not matter which. */
export const untilStop = (stops: ReadonlyArray<string>): UntilStop => {
  // Everything in which a stop string may have begun. So a whole one always lies in it and the next part.
  let held = ""
  let done = false
  return {
    push: (text) => {
      if (done) return ""
      const all = held + text
      const found = stops.map((stop) => all.indexOf(stop)).filter((at) => at >= 0)
      if (found.length > 0) {
        done = true
        held = ""
        return all.slice(0, Math.min(...found))
      }
      const out = all.length - beginning(all, stops)
      held = all.slice(out)
      return all.slice(0, out)
    },
    get done() {
      return done
    },
    end: () => {
      const rest = held
      held = ""
      return rest
    },
  }
}
