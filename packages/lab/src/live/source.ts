/** The runs that a live page shows: one of a log, or those of a command, one after the other. */

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { LiveRun } from "./live-run.ts"
import type { LiveMessage, PastRun } from "./message.ts"

const titleOf = ({ state: { facts } }: LiveRun): string =>
  facts === undefined ? "a run" : [facts.experiment, facts.part, facts.run].filter((name) => name !== null).join(" / ")

/** The content of a live page, and its news. */
export class WatchSource {
  #current: LiveRun | undefined
  #past: Array<PastRun> = []
  #shown = ""
  #colours = ""
  #reset = false
  #pastIsNew = false

  /** Goes on to the run of a log, which lies in the store of the run. */
  follow(log: string): void {
    this.#end()
    this.#current = new LiveRun(log)
    this.#reset = true
  }

  /** True once the run has ended, and nothing of it goes on. */
  isOver(): boolean {
    this.#current?.readLog()
    return this.#current?.over ?? false
  }

  /** Enters the current run among those that have ended. */
  #end(): void {
    const run = this.#current
    if (run === undefined) return
    run.refresh()
    const { state, report } = run.snapshot()
    const { directory = "" } = run.state.facts ?? {}
    this.#past.push({ title: titleOf(run), state, directory, report })
    this.#pastIsNew = true
  }

  /** The last message: the current run has ended too. */
  end(): LiveMessage {
    const { snapshot, curves } = this.news() ?? {}
    this.#end()
    this.#pastIsNew = false
    return { ...(snapshot && { snapshot }), ...(curves && { curves }), past: this.#past, over: true }
  }

  /** Reads what is new, and tells it; undefined for nothing. */
  news(): LiveMessage | undefined {
    const run = this.#current
    if (run === undefined) return undefined
    run.refresh()
    const snapshot = run.snapshot()
    const text = JSON.stringify(snapshot)
    const colours = JSON.stringify(run.colours)
    const curves = run.curves(false)
    const message: LiveMessage = {
      ...(this.#reset && { reset: true as const }),
      ...(text !== this.#shown && { snapshot }),
      ...(colours !== this.#colours && { colours: run.colours }),
      ...(curves.length > 0 && { curves }),
      ...(this.#pastIsNew && { past: this.#past }),
    }
    this.#shown = text
    this.#colours = colours
    this.#reset = false
    this.#pastIsNew = false
    return Object.keys(message).length === 0 ? undefined : message
  }

  /** All that a page which has just been opened needs. */
  whole(): LiveMessage {
    const run = this.#current
    const past = this.#past
    if (run === undefined) return { reset: true, past }
    run.refresh()
    return { reset: true, past, snapshot: run.snapshot(), colours: run.colours, curves: run.curves(true) }
  }

  /** The report of an ended run, by its place; undefined for none. */
  report(place: number): Uint8Array<ArrayBuffer> | undefined {
    const run = this.#past[place]
    if (!run?.report) return undefined
    try {
      return readFileSync(join(run.directory, "report.html"))
    } catch {
      return undefined
    }
  }
}
