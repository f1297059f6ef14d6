/** One comparison of the step: starts all sides, alternates them, ends them; the result is plain data. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { median } from "@winnow/numerics"
import { shapeFolder } from "../shapes/shape-folder.ts"
import { type PairName, shapePairs } from "../shapes/shapes.ts"
import { type Environment, fastest, keepFreedMemory, type RoundRatios, speedRatio } from "../side-by-side/peer-sides.ts"
import { type Quietness, runRounds } from "../side-by-side/rounds.ts"
import { runChild, runScript } from "../side-by-side/run-child.ts"
import { type Answer, startWorker, type Worker } from "../side-by-side/worker-process.ts"
import { type Floor, floorOf } from "./floor.ts"
import type { StepOptions } from "./options.ts"
import { eagerPeers, type StepPeer, stepPeerKinds } from "./peers.ts"
import type { StepSpans } from "./spans.ts"

/** Figures of one side. */
export interface StepSide {
  readonly name: string
  /** Seconds of each timed step. */
  readonly seconds: ReadonlyArray<number>
  /** Median of `seconds`. */
  readonly secondsPerStep: number
  readonly tokensPerSecond: number
  readonly peakMegabytes: number
  /** The floor's work, not this side's own, over its time: comparable between sides. */
  readonly gigaflopsPerSecond: number
  /** Losses of all steps from the first, including untimed ones; null where a side reports none. */
  readonly losses: ReadonlyArray<number | null>
}

/** A peer, and our speed relative to it. */
export interface PeerSide extends StepSide {
  readonly peer: StepPeer
  /** Environment variables of the peer beyond ours. */
  readonly environment: Environment
  readonly versions: Readonly<Record<string, string>>
  /** Our tokens a second over the peer's: above 1 ours is faster. */
  readonly speed: RoundRatios
  /** Our highest memory over the peer's: below 1 ours needs less. */
  readonly memory_ratio: number
}

type Verdict = Pick<PeerSide, "peer" | "name" | "speed" | "memory_ratio">

export interface StepResult extends Quietness {
  /** The pair of published shapes, if it is one; its sides ran one after another. */
  readonly shape?: PairName
  readonly sizes: Pick<StepOptions, "draft" | "target" | "vocab" | "batch" | "length" | "keep" | "threads">
  readonly signals: "live" | "cached"
  /** Work of the parts of the floor, in 1e9 multiplications and additions. */
  readonly floorGigaflops: Floor
  readonly ours: StepSide
  readonly peers: ReadonlyArray<PeerSide>
  /** Against the faster eager peer, and against the best PyTorch; a member is absent if none of its peers ran. */
  readonly against: { readonly eager?: Verdict; readonly best?: Verdict }
  /**
   * Largest relative difference of two peers' losses after equally many steps: they train one draft on the same tokens.
   */
  readonly lossDifference: number | null
}

/** One running side. */
interface Running {
  /** Undefined for our side. */
  readonly peer: StepPeer | undefined
  readonly worker: Worker
  readonly losses: Array<number | null>
}
type StepAnswer = Answer & { readonly loss?: number }

/** Untimed steps at the start: allocators settle, kernels and native code are prepared. */
const WARM_UP = 2

const peersFolder = join(import.meta.dir, "../../peers")

/** Arguments of our worker and of the peers'; makes their caches. */
const prepare = async (o: StepOptions, folder: string, say: (line: string) => void) => {
  const sizes = (["draft", "target", "vocab", "batch", "length", "keep", "threads"] as const).flatMap((name) => [
    `--${name}`,
    String(o[name]),
  ])
  const frozen = async (which: "draft" | "target") =>
    o.shape === undefined
      ? []
      : [`--${which}-folder`, await shapeFolder(o.folder || folder, shapePairs[o.shape][which], say)]
  const shared = [...sizes, ...(await frozen("draft")), ...(await frozen("target"))]
  const cached = o.cached ? ["--signals", folder, "--top-k", String(o.topK)] : []
  const mode = ["--precision", o.precision, "--micro-batches", String(o.microBatches), ...cached]
  if (o.cached) {
    say("making the caches of target and reference")
    await runScript(join(import.meta.dir, "make-signals.ts"), [...shared, ...mode])
    if (o.peer !== undefined)
      await runChild([o.peer, join(peersFolder, "torch_make_signals.py"), ...shared, ...cached], keepFreedMemory)
  }
  return { ours: [...shared, ...mode], peers: [...shared, ...cached] }
}

/** Our steps with their phases and calls, from a process of its own. @error WorkerEnded when it fails */
export const runSpans = async (o: StepOptions, say: (line: string) => void): Promise<ReadonlyArray<StepSpans>> => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-bench-"))
  try {
    const { ours } = await prepare(o, folder, say)
    const out = await runScript(join(import.meta.dir, "worker.ts"), [...ours, "--spans", String(o.steps)])
    return (JSON.parse(out.trim().split("\n").at(-1)!) as { spans: ReadonlyArray<StepSpans> }).spans
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A side that does not run yet. */
interface Starter {
  readonly peer: StepPeer | undefined
  readonly command: ReadonlyArray<string>
  readonly environment: Environment
}

const startersOf = async (
  o: StepOptions,
  folder: string,
  say: (line: string) => void,
): Promise<ReadonlyArray<Starter>> => {
  const workerArgs = await prepare(o, folder, say)
  const own = [process.execPath, join(import.meta.dir, "worker.ts"), ...workerArgs.ours]
  const peers = (o.peer === undefined ? [] : o.peers).map((peer): Starter => {
    const { script, args, environment } = stepPeerKinds[peer]
    return { peer, command: [o.peer!, join(peersFolder, script), ...args, ...workerArgs.peers], environment }
  })
  return [{ peer: undefined, command: own, environment: {} }, ...peers]
}

/** A side that has ended. */
interface Ended {
  readonly peer: StepPeer | undefined
  readonly worker: Worker
  readonly seconds: ReadonlyArray<number>
  readonly losses: ReadonlyArray<number | null>
  readonly peakMegabytes: number
}

/** Starts sides, lets them take turns, and ends them. */
const runSides = async (o: StepOptions, starters: ReadonlyArray<Starter>, say: (line: string) => void) => {
  const sides: Array<Running> = []
  for (const { peer, command, environment } of starters) {
    sides.push({ peer, worker: await startWorker(command, environment), losses: [] })
    say(`started ${sides.at(-1)!.worker.name}`)
  }
  const { answers, ...quietness } = await runRounds(
    { sides, warmUp: WARM_UP, count: o.steps, patience: o.patience, priority: o.priority, say },
    async ({ peer, worker, losses }) => {
      const answer = await worker.ask<StepAnswer>("step")
      losses.push(answer.loss ?? null)
      return { answer, text: `${peer ?? "ours"} ${answer.seconds.toFixed(3)} s` }
    },
  )
  const ended: Array<Ended> = []
  for (const [i, side] of sides.entries()) {
    const seconds = answers.map((round) => round[i]!.seconds)
    ended.push({ ...side, seconds, peakMegabytes: await side.worker.end() })
  }
  return { ended, quietness }
}

/**
 * Runs the comparison; the peer must have passed `checkPeer`. Removes the caches at the end.
 *
 * @param say receives a line for each step, for a terminal
 * @error WorkerEnded when a side fails during the run
 */
export const runStep = async (o: StepOptions, say: (line: string) => void): Promise<StepResult> => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-bench-"))
  try {
    return await compare(o, folder, say)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The largest relative difference of losses after equally many steps; null if fewer than two sides report theirs. */
export const lossDifferenceOf = (sides: ReadonlyArray<Pick<StepSide, "losses">>): number | null => {
  const telling = sides.map(({ losses }) => losses).filter((losses) => losses.every((loss) => loss !== null))
  if (telling.length < 2) return null
  const steps = Math.min(...telling.map((losses) => losses.length))
  return Math.max(
    ...telling[0]!.slice(0, steps).map((_, step) => {
      const losses = telling.map((each) => each[step]!)
      const [least, most] = [Math.min(...losses), Math.max(...losses)]
      return (most - least) / Math.abs(least)
    }),
  )
}

/** The load of other programs over parts of a comparison that ran one after another. */
const together = (parts: ReadonlyArray<Quietness>): Quietness => {
  const sum = (of: (part: Quietness) => number) => parts.reduce((total, part) => total + of(part), 0)
  const known = parts.every(({ othersCores }) => othersCores !== null)
  return {
    othersCores: known ? sum(({ othersCores }) => othersCores!) / parts.length : null,
    repeatedTurns: sum(({ repeatedTurns }) => repeatedTurns),
    waitedSeconds: sum(({ waitedSeconds }) => waitedSeconds),
    priority: parts[0]!.priority,
  }
}

const compare = async (o: StepOptions, folder: string, say: (line: string) => void): Promise<StepResult> => {
  const starters = await startersOf(o, folder, say)
  // models of published shapes do not fit into memory beside each other
  const groups = o.shape === undefined ? [starters] : starters.map((starter) => [starter])
  const done: Array<Awaited<ReturnType<typeof runSides>>> = []
  for (const group of groups) done.push(await runSides(o, group, say))
  const floor = floorOf(o)
  const tokens = o.batch * o.length
  const sides = done.flatMap(({ ended }) => ended)
  const sideOf = ({ worker, seconds, losses, peakMegabytes }: Ended): StepSide => {
    const secondsPerStep = median(seconds)
    return {
      name: worker.name,
      seconds,
      secondsPerStep,
      tokensPerSecond: tokens / secondsPerStep,
      peakMegabytes,
      gigaflopsPerSecond: floor.total / secondsPerStep / 1e9,
      losses,
    }
  }
  const ours = sideOf(sides[0]!)
  const peers: Array<PeerSide> = []
  for (const ended of sides) {
    const { peer, worker } = ended
    if (peer === undefined) continue
    const side = sideOf(ended)
    peers.push({
      ...side,
      peer,
      environment: stepPeerKinds[peer].environment,
      versions: worker.versions,
      speed: speedRatio(ours.seconds, side.seconds),
      memory_ratio: ours.peakMegabytes / side.peakMegabytes,
    })
  }
  const verdict = (of: ReadonlyArray<StepPeer>): Verdict | undefined => {
    const side = fastest(peers.filter(({ peer }) => of.includes(peer)))
    if (side === undefined) return undefined
    const { peer, name, speed, memory_ratio } = side
    return { peer, name, speed, memory_ratio }
  }
  const [eager, best] = [verdict(eagerPeers), verdict(["best"])]
  const { draft, target, vocab, batch, length, keep, threads } = o
  return {
    ...(o.shape && { shape: o.shape }),
    sizes: { draft, target, vocab, batch, length, keep, threads },
    signals: o.cached ? "cached" : "live",
    floorGigaflops: Object.fromEntries(Object.entries(floor).map(([part, n]) => [part, n / 1e9])) as unknown as Floor,
    ours,
    peers,
    against: { ...(eager && { eager }), ...(best && { best }) },
    lossDifference: lossDifferenceOf(peers),
    ...together(done.map(({ quietness }) => quietness)),
  }
}
