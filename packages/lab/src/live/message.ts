/** Messages from the server of a live page to the page; only what changed is in them. */
import type { LiveColours, LiveCurve, LiveSnapshot } from "./snapshot.ts"

/** A run of the command that has ended. */
export interface PastRun {
  readonly title: string
  readonly state: LiveSnapshot["state"]
  readonly directory: string
  /** True if the server has its report, at `report/<place in the list>`. */
  readonly report: boolean
}

export interface LiveMessage {
  /** True where another run begins: curves that came before are of the last one. */
  readonly reset?: true
  readonly snapshot?: LiveSnapshot
  readonly colours?: LiveColours
  /** Curves with new points, each whole. */
  readonly curves?: ReadonlyArray<LiveCurve>
  readonly past?: ReadonlyArray<PastRun>
  /** True in the last message: the server ends. */
  readonly over?: true
}
