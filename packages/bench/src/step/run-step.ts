/** One comparison of the step: all sides started, taking turns, ended; as plain data. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { median } from "@winnow/numerics"
import { fastest, type PeerPrecision, speedRatio } from "../side-by-side/peer-precision.ts"
import { runChild } from "../side-by-side/run-child.ts"
import { startWorker, type Worker } from "../side-by-side/worker-process.ts"
import { type Floor, floorOf } from "./floor.ts"
import type { StepOptions } from "./options.ts"
import type { StepSpans } from "./spans.ts"

/** Figures of one side. */
export interface StepSide {
  readonly name: string
  /** Of each timed step. */
  readonly seconds: ReadonlyArray<number>
  /** Their median. */
  readonly secondsPerStep: number
  readonly tokensPerSecond: number
  readonly peakMegabytes: number
  /** The floor's work, not what this side does, over its time: comparable between sides. */
  readonly gigaflopsPerSecond: number
}

/** A peer, and ours beside it. */
export interface PeerSide extends StepSide {
  readonly precision: PeerPrecision
  /** How many times as many tokens a second ours does: the median over rounds, above 1 is faster. */
  readonly speed_ratio: number
  readonly speed_ratios: ReadonlyArray<number>
  /** Ours / its highest memory: below 1 ours needs less. */
  readonly memory_ratio: number
}

export interface StepResult {
  readonly sizes: Pick<StepOptions, "draft" | "target" | "vocab" | "batch" | "length" | "keep" | "threads">
  readonly signals: "live" | "cached"
  /** Work of the parts of the floor, 1e9 multiplications and additions. */
  readonly floorGigaflops: Floor
  readonly ours: StepSide
  readonly peers: ReadonlyArray<PeerSide>
  /** The verdict: against the peer of the smaller median. Absent without a peer. */
  readonly against?: Pick<PeerSide, "name" | "precision" | "speed_ratio" | "memory_ratio">
}

/** Steps before those that count: allocators settle, kernels and native code are made ready. */
const WARM_UP = 2

/** Arguments of all workers, and those of ours; makes the caches that ours needs. */
const prepare = async (o: StepOptions, folder: string, say: (line: string) => void) => {
  const given = (["draft", "target", "vocab", "batch", "length", "keep", "threads"] as const).flatMap((name) => [
    `--${name}`,
    String(o[name]),
  ])
  const mode = [
    "--precision",
    o.precision,
    "--micro-batches",
    String(o.microBatches),
    ...(o.cached ? ["--signals", folder, "--top-k", String(o.topK)] : []),
  ]
  if (o.cached) {
    say("making the caches of target and reference")
    await runChild(join(import.meta.dir, "make-signals.ts"), [...given, ...mode])
  }
  return { given, mode }
}

/** Steps of ours with their phases and calls, in a process of its own. @error WorkerEnded when it fails */
export const runSpans = async (o: StepOptions, say: (line: string) => void): Promise<ReadonlyArray<StepSpans>> => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-bench-"))
  try {
    const { given, mode } = await prepare(o, folder, say)
    const out = await runChild(join(import.meta.dir, "worker.ts"), [...mode, ...given, "--spans", String(o.steps)])
    return (JSON.parse(out.trim().split("\n").at(-1)!) as { spans: ReadonlyArray<StepSpans> }).spans
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const start = async (o: StepOptions, folder: string, say: (line: string) => void) => {
  const { given, mode } = await prepare(o, folder, say)
  const script = join(import.meta.dir, "../../peers/torch_selective_step.py")
  const workers: Array<{ readonly key: "ours" | PeerPrecision; readonly worker: Worker }> = []
  const add = async (key: "ours" | PeerPrecision, command: ReadonlyArray<string>) => {
    workers.push({ key, worker: await startWorker([...command, ...given]) })
    say(`started ${workers.at(-1)!.worker.name}`)
  }
  await add("ours", [process.execPath, join(import.meta.dir, "worker.ts"), ...mode])
  if (o.peer !== undefined)
    for (const peer of o.peers) await add(peer, [o.peer, script, ...(peer === "bf16" ? ["--bf16"] : [])])
  return workers
}

/**
 * Runs the comparison; the peer must have passed `checkPeer`. Caches are removed at the end.
 *
 * @param say gets a line for each step, for a terminal
 * @error WorkerEnded when a side fails on the way
 */
export const runStep = async (o: StepOptions, say: (line: string) => void): Promise<StepResult> => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-bench-"))
  try {
    return await compare(o, folder, say)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const compare = async (o: StepOptions, folder: string, say: (line: string) => void): Promise<StepResult> => {
  const workers = await start(o, folder, say)
  const times = new Map(workers.map(({ key }) => [key, [] as Array<number>]))
  for (let round = 0; round < WARM_UP + o.steps; round++) {
    const shown: Array<string> = []
    for (const { key, worker } of workers) {
      const { seconds } = await worker.ask("step")
      if (round >= WARM_UP) times.get(key)!.push(seconds)
      shown.push(`${key} ${seconds.toFixed(3)} s`)
    }
    say(`${round < WARM_UP ? "warm-up" : "step   "}  ${shown.join("  ")}`)
  }
  const floor = floorOf(o)
  const tokens = o.batch * o.length
  const sides: Array<StepSide & { readonly key: "ours" | PeerPrecision }> = []
  for (const { key, worker } of workers) {
    const seconds = times.get(key)!
    const secondsPerStep = median(seconds)
    sides.push({
      key,
      name: worker.name,
      seconds,
      secondsPerStep,
      tokensPerSecond: tokens / secondsPerStep,
      peakMegabytes: await worker.end(),
      gigaflopsPerSecond: floor.total / secondsPerStep / 1e9,
    })
  }
  const [{ key: _, ...ours }, ...others] = sides as [(typeof sides)[number], ...typeof sides]
  const peers = others.map(({ key, ...side }): PeerSide => {
    const { median: ratio, each } = speedRatio(ours.seconds, side.seconds)
    return {
      ...side,
      precision: key as PeerPrecision,
      speed_ratio: ratio,
      speed_ratios: each,
      memory_ratio: ours.peakMegabytes / side.peakMegabytes,
    }
  })
  const best = fastest(peers)
  const { draft, target, vocab, batch, length, keep, threads } = o
  return {
    sizes: { draft, target, vocab, batch, length, keep, threads },
    signals: o.cached ? "cached" : "live",
    floorGigaflops: Object.fromEntries(Object.entries(floor).map(([part, n]) => [part, n / 1e9])) as unknown as Floor,
    ours,
    peers,
    ...(best && {
      against: {
        name: best.name,
        precision: best.precision,
        speed_ratio: best.speed_ratio,
        memory_ratio: best.memory_ratio,
      },
    }),
  }
}
