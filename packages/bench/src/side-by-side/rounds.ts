/** The rounds of a comparison: its sides take turns; with patience, at moments when no other program computes. */
import { coresOf, QUIET_CORES, type Taken, watchOthers } from "./others.ts"
import type { Worker } from "./worker-process.ts"

/** How quiet the rounds that count were. */
export interface Quietness {
  /** Cores that other programs kept busy during them, in the mean; null where the system does not tell. */
  readonly othersCores: number | null
  /** Rounds that were done again since others were busy in them, and seconds spent on these and on waiting. */
  readonly repeatedRounds: number
  readonly waitedSeconds: number
}

export interface Rounds<S> {
  readonly sides: ReadonlyArray<S>
  /** Rounds that do not count, and rounds that do. */
  readonly warmUp: number
  readonly count: number
  /** Seconds that may go, in all, to waiting for quiet moments and to rounds done again; 0: the machine is taken as it is. */
  readonly patience: number
  /** A line for each round, for a terminal. */
  readonly say: (line: string) => void
}

/** The sides in the order of a round: every second round the last begins, so that nobody always follows the same one. */
export const inTurn = <S>(sides: ReadonlyArray<S>, round: number): ReadonlyArray<S> =>
  round % 2 === 0 ? sides : sides.toReversed()

/** Whether others left the machine alone; where the system does not tell they are taken to have. */
export const isQuiet = (taken: Taken | null): boolean => (coresOf([taken]) ?? 0) <= QUIET_CORES

/** Length of a look at what others do, s. */
const LOOK = 1

/**
 * Runs the rounds: in each, every side is asked once.
 *
 * A round is chosen by what *others* computed in it, never by the times it gave, so that choosing favours no side.
 *
 * @param ask asks one side in one round; also what is shown of its answer
 * @returns for each counted round the answers in the order of the sides
 */
export const runRounds = async <S extends { readonly worker: Pick<Worker, "pid"> }, A>(
  { sides, warmUp, count, patience, say }: Rounds<S>,
  ask: (side: S, round: number) => Promise<{ readonly answer: A; readonly shown: string }>,
): Promise<{ readonly answers: ReadonlyArray<ReadonlyArray<A>> } & Quietness> => {
  const pids = [process.pid, ...sides.map(({ worker }) => worker.pid)]
  const [answers, taken]: [Array<ReadonlyArray<A>>, Array<Taken | null>] = [[], []]
  let [waited, repeated] = [0, 0]
  const quietMoment = async () => {
    while (waited < patience) {
      const others = watchOthers(pids)
      await Bun.sleep(1000 * LOOK)
      waited += LOOK
      if (isQuiet(others())) return
    }
  }
  for (let round = 0; round < warmUp + count; ) {
    await quietMoment()
    const others = watchOthers(pids)
    const byside = new Map<S, { readonly answer: A; readonly shown: string }>()
    for (const side of inTurn(sides, round)) byside.set(side, await ask(side, round))
    const took = others()
    const shown = sides.map((side) => byside.get(side)!.shown).join("  ")
    const counts = round >= warmUp
    if (counts && waited < patience && !isQuiet(took)) {
      say(`again    ${shown}  (others took ${coresOf([took])!.toFixed(2)} cores)`)
      waited += took!.seconds
      repeated++
      continue
    }
    if (counts) {
      answers.push(sides.map((side) => byside.get(side)!.answer))
      taken.push(took)
    }
    say(`${counts ? "round  " : "warm-up"}  ${shown}`)
    round++
  }
  return { answers, othersCores: coresOf(taken), repeatedRounds: repeated, waitedSeconds: waited }
}

/** The line of a table for it. */
export const quietLine = ({ othersCores, repeatedRounds }: Quietness): ReadonlyArray<string> => {
  if (othersCores === null) return []
  const again = repeatedRounds === 0 ? "" : `, ${repeatedRounds} rounds done again`
  const believe = othersCores > QUIET_CORES ? ": believe ratios, not seconds" : ""
  return [`other programs kept ${othersCores.toFixed(2)} cores busy${again}${believe}`]
}
