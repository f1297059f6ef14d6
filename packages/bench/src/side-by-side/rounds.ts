/** The rounds of a comparison: its sides take turns; with patience, at moments when no other program computes. */
import { coresOf, QUIET_CORES, type Taken, watchOthers } from "./others.ts"
import { atHighestPriority, checkPriority } from "./priority.ts"
import type { Worker } from "./worker-process.ts"

/** How quiet it was while the sides did what counts. */
export interface Quietness {
  /** Cores that other programs kept busy meanwhile, in the mean; null where the system does not tell. */
  readonly othersCores: number | null
  /** Turns that were taken again since others were busy in them, and seconds spent on these and on waiting. */
  readonly repeatedTurns: number
  readonly waitedSeconds: number
  /** True if each turn was taken at the highest priority. */
  readonly priority: boolean
}

export interface Rounds<S> {
  readonly sides: ReadonlyArray<S>
  /** Rounds that do not count, and rounds that do. */
  readonly warmUp: number
  readonly count: number
  /** Seconds that may go, in all, to waiting for quiet moments and to turns taken again; 0: the machine is taken as it is. */
  readonly patience: number
  /** True if each turn is taken at the highest priority, after a pause that leaves the machine to others. */
  readonly priority: boolean
  /** A line for each round, for a terminal. */
  readonly say: (line: string) => void
}

/** The sides in the order of a round: every second round the last begins, so that nobody always follows the same one. */
export const inTurn = <S>(sides: ReadonlyArray<S>, round: number): ReadonlyArray<S> =>
  round % 2 === 0 ? sides : sides.toReversed()

/** True if others left the machine alone; where the system does not tell they are taken to have. */
export const isQuiet = (taken: Taken | null): boolean => (coresOf([taken]) ?? 0) <= QUIET_CORES

/** Length of a look at what others do, and of the pause before a turn at the highest priority, s. */
const LOOK = 0.5

/**
 * Runs the rounds: in each, every side is asked once.
 *
 * @error UsageError where the highest priority is asked for and not allowed
 *
 * A turn is chosen by what *others* computed in it, never by the time it gave, so that choosing favours no side.
 *
 * @param ask asks one side in one round; also what is shown of its answer
 * @returns for each counted round the answers in the order of the sides
 */
export const runRounds = async <S extends { readonly worker: Pick<Worker, "pid"> }, A>(
  { sides, warmUp, count, patience, priority, say }: Rounds<S>,
  ask: (side: S, round: number) => Promise<{ readonly answer: A; readonly shown: string }>,
): Promise<{ readonly answers: ReadonlyArray<ReadonlyArray<A>> } & Quietness> => {
  if (priority) checkPriority()
  const pids = [process.pid, ...sides.map(({ worker }) => worker.pid)]
  const [answers, taken]: [Array<ReadonlyArray<A>>, Array<Taken | null>] = [[], []]
  let [waited, repeated] = [0, 0]
  const quietMoment = async () => {
    // others wait during such a turn, so that how many they are before it says little
    if (priority) return Bun.sleep(1000 * LOOK)
    while (waited < patience) {
      const others = watchOthers(pids)
      await Bun.sleep(1000 * LOOK)
      waited += LOOK
      if (isQuiet(others())) return
    }
  }
  const turn = async (side: S, round: number): Promise<{ readonly answer: A; readonly shown: string }> => {
    for (;;) {
      await quietMoment()
      const others = watchOthers(pids)
      const answered = await (priority ? atHighestPriority(side.worker.pid, () => ask(side, round)) : ask(side, round))
      const took = others()
      if (round < warmUp) return answered
      if (waited >= patience || isQuiet(took)) {
        taken.push(took)
        return answered
      }
      say(`again    ${answered.shown}: others took ${coresOf([took])!.toFixed(2)} cores`)
      waited += took!.seconds
      repeated++
    }
  }
  for (let round = 0; round < warmUp + count; round++) {
    const bySide = new Map<S, { readonly answer: A; readonly shown: string }>()
    for (const side of inTurn(sides, round)) bySide.set(side, await turn(side, round))
    const inOrder = sides.map((side) => bySide.get(side)!)
    if (round >= warmUp) answers.push(inOrder.map(({ answer }) => answer))
    say(`${round < warmUp ? "warm-up" : "round  "}  ${inOrder.map(({ shown }) => shown).join("  ")}`)
  }
  return { answers, othersCores: coresOf(taken), repeatedTurns: repeated, waitedSeconds: waited, priority }
}

/** The line of a table for it. */
export const quietLine = ({ othersCores, repeatedTurns }: Quietness): ReadonlyArray<string> => {
  if (othersCores === null) return []
  const again = repeatedTurns === 0 ? "" : `, ${repeatedTurns} turns taken again`
  const believe = othersCores > QUIET_CORES ? ": believe ratios, not seconds" : ""
  return [`other programs kept ${othersCores.toFixed(2)} cores busy${again}${believe}`]
}
