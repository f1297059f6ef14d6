/** The rounds of a comparison: its sides take turns; with patience, only while no other program computes. */
import { coresOf, type OthersTime, QUIET_CORES, watchOthers } from "./others.ts"
import { atHighestPriority, checkPriority } from "./priority.ts"
import type { Worker } from "./worker-process.ts"

/** The load of other programs during the counted turns. */
export interface Quietness {
  /** Mean number of cores that other programs kept busy; null where the system does not report it. */
  readonly othersCores: number | null
  /** Turns that were repeated because others were busy; seconds spent on them and on waiting. */
  readonly repeatedTurns: number
  readonly waitedSeconds: number
  /** True if each turn ran at the highest priority. */
  readonly priority: boolean
}

export interface Rounds<S> {
  readonly sides: ReadonlyArray<S>
  /** Rounds that do not count, and rounds that count. */
  readonly warmUp: number
  readonly count: number
  /** Most seconds in all for waiting and for repeated turns; 0: the machine is accepted as it is. */
  readonly patience: number
  /** True if each turn runs at the highest priority, after a pause that leaves the machine to others. */
  readonly priority: boolean
  /** A line for each round, for a terminal. */
  readonly say: (line: string) => void
}

/** The sides in the order of a round. Every second round is reversed, so that no side always follows the same one. */
export const inTurn = <S>(sides: ReadonlyArray<S>, round: number): ReadonlyArray<S> =>
  round % 2 === 0 ? sides : sides.toReversed()

/** True if others left the machine alone, or if their use is unknown. */
export const isQuiet = (time: OthersTime | null): boolean => (coresOf([time]) ?? 0) <= QUIET_CORES

/** Seconds of a look at other programs, and of the pause before a turn at the highest priority. */
const LOOK = 0.5

/**
 * Runs the rounds: each asks every side once.
 *
 * @error UsageError where the highest priority is requested and not allowed
 *
 * A turn is repeated because of *other* programs' work, never because of its own time, so that no side is favoured.
 *
 * @param ask asks one side in one round; returns its answer and a text of it
 * @returns the answers of each counted round, in the order of the sides
 */
export const runRounds = async <S extends { readonly worker: Pick<Worker, "pid" | "helpers"> }, A>(
  { sides, warmUp, count, patience, priority, say }: Rounds<S>,
  ask: (side: S, round: number) => Promise<{ readonly answer: A; readonly text: string }>,
): Promise<{ readonly answers: ReadonlyArray<ReadonlyArray<A>> } & Quietness> => {
  if (priority) checkPriority()
  const pidsOf = ({ worker: { pid, helpers = [] } }: S) => [pid, ...helpers]
  const pids = [...new Set([process.pid, ...sides.flatMap(pidsOf)])] // Sides may share this process.
  const [answers, times]: [Array<ReadonlyArray<A>>, Array<OthersTime | null>] = [[], []]
  let [waited, repeated] = [0, 0]
  const quietMoment = async () => {
    // Other programs wait during such a turn, so their number before it says little.
    if (priority) return Bun.sleep(1000 * LOOK)
    while (waited < patience) {
      const others = watchOthers(pids)
      await Bun.sleep(1000 * LOOK)
      waited += LOOK
      if (isQuiet(others())) return
    }
  }
  const turn = async (side: S, round: number): Promise<{ readonly answer: A; readonly text: string }> => {
    for (;;) {
      await quietMoment()
      const others = watchOthers(pids)
      const answered = await (priority ? atHighestPriority(pidsOf(side), () => ask(side, round)) : ask(side, round))
      const took = others()
      if (round < warmUp) return answered
      if (waited >= patience || isQuiet(took)) {
        times.push(took)
        return answered
      }
      say(`again    ${answered.text}: others took ${coresOf([took])!.toFixed(2)} cores`)
      waited += took!.seconds
      repeated++
    }
  }
  for (let round = 0; round < warmUp + count; round++) {
    const bySide = new Map<S, { readonly answer: A; readonly text: string }>()
    for (const side of inTurn(sides, round)) bySide.set(side, await turn(side, round))
    const inOrder = sides.map((side) => bySide.get(side)!)
    if (round >= warmUp) answers.push(inOrder.map(({ answer }) => answer))
    say(`${round < warmUp ? "warm-up" : "round  "}  ${inOrder.map(({ text }) => text).join("  ")}`)
  }
  return { answers, othersCores: coresOf(times), repeatedTurns: repeated, waitedSeconds: waited, priority }
}

/** The line of a table on the machine's load. */
export const quietLine = ({ othersCores, repeatedTurns }: Quietness): ReadonlyArray<string> => {
  if (othersCores === null) return []
  const again = repeatedTurns === 0 ? "" : `, ${repeatedTurns} turns taken again`
  const believe = othersCores > QUIET_CORES ? ": believe ratios, not seconds" : ""
  return [`other programs kept ${othersCores.toFixed(2)} cores busy${again}${believe}`]
}
