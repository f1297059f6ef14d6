/** One comparison of one process with several: starts the sides, alternates them, ends them; the result is plain data. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { median } from "@winnow/numerics"
import { type Environment, keepFreedMemory, type RoundRatios, speedRatio } from "../side-by-side/peer-sides.ts"
import { type Quietness, runRounds } from "../side-by-side/rounds.ts"
import { runChild, runScript } from "../side-by-side/run-child.ts"
import { type Answer, startWorker, type Worker } from "../side-by-side/worker-process.ts"
import { onCore } from "./on-core.ts"
import type { ParallelOptions } from "./options.ts"

/** The times of one number of processes. */
export interface ParallelSide {
  readonly name: string
  readonly processes: number
  /** Of each timed step; every process has its own tokens, so that more processes take more tokens a step. */
  readonly seconds: ReadonlyArray<number>
  readonly secondsPerStep: number
  readonly tokensPerSecond: number
  /** Of rank 0. */
  readonly peakMegabytes: number
  readonly versions: Readonly<Record<string, string>>
}

/** One program by one process, and by several. */
export interface Scaling {
  readonly of: "ours" | "peer"
  readonly one: ParallelSide
  readonly several: ParallelSide
  /** Seconds of one process over seconds of several: 1 where the sharing costs nothing. */
  readonly efficiency: RoundRatios
}

export interface ParallelResult extends Quietness {
  readonly sizes: Pick<ParallelOptions, "draft" | "vocab" | "batch" | "length" | "keep" | "processes">
  /** True if each process had a core of its own, and no other. */
  readonly bound: boolean
  /** True if ours sent all numbers through the network, and none through memory. */
  readonly network: boolean
  readonly scalings: ReadonlyArray<Scaling>
}

interface Running {
  readonly of: Scaling["of"]
  readonly processes: number
  readonly worker: Worker
}

/** Untimed steps at the start: allocators settle, kernels and native code are prepared. */
const warmUp = 2

const peersFolder = join(import.meta.dir, "../../peers")

/** Makes the caches and starts the sides, one process first. */
const start = async (o: ParallelOptions, folder: string, say: (line: string) => void) => {
  const sizesOf = (batch: number) => [
    ...(["draft", "target", "vocab", "length", "keep"] as const).flatMap((name) => [`--${name}`, String(o[name])]),
    ...["--batch", String(batch), "--threads", "1", "--top-k", String(o.topK)],
  ]
  const sides: Array<Running> = []
  const add = async (of: Scaling["of"], processes: number, command: ReadonlyArray<string>, env: Environment) => {
    const worker = await startWorker([...onCore(0), ...command], env)
    sides.push({ of, processes, worker })
    say(`started ${worker.name}`)
  }
  const bound: Environment = onCore(0).length === 0 ? {} : { BENCH_TASKSET: "1" }
  const way: Environment = o.network ? { BENCH_NETWORK: "1" } : {}
  for (const processes of [1, o.processes]) {
    const signals = join(folder, `signals-${processes}`)
    const args = [
      ...sizesOf(o.batch * processes),
      ...["--micro-batches", String(processes), "--precision", o.precision, "--signals", signals],
    ]
    say(`making the caches for ${processes === 1 ? "one process" : `${processes} processes`}`)
    await runScript(join(import.meta.dir, "../step/make-signals.ts"), args)
    await add("ours", processes, [process.execPath, join(import.meta.dir, "worker.ts"), ...args], way)
  }
  if (o.peer === undefined) return sides
  const args = [...sizesOf(o.batch), "--signals", folder]
  await runChild([o.peer, join(peersFolder, "torch_make_signals.py"), ...args], keepFreedMemory)
  const script = [o.peer, join(peersFolder, "torch_parallel_step.py"), ...args]
  const precise = o.precision === "bfloat16" ? ["--bf16"] : []
  for (const processes of [1, o.processes])
    await add("peer", processes, [...script, ...precise], {
      ...keepFreedMemory,
      ...bound,
      BENCH_SIZE: String(processes),
    })
  return sides
}

/**
 * Runs the comparison; the peer must have passed `checkPeer`. Removes the caches at the end.
 *
 * @param say receives a line for each step, for a terminal
 * @error WorkerEnded when a side fails during the run
 */
export const runParallel = async (o: ParallelOptions, say: (line: string) => void): Promise<ParallelResult> => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-bench-parallel-"))
  try {
    const sides = await start(o, folder, say)
    const { answers, ...quietness } = await runRounds(
      { sides, warmUp, count: o.steps, patience: o.patience, priority: o.priority, say },
      async ({ of, processes, worker }) => {
        const answer = await worker.ask<Answer>("step")
        return { answer, text: `${of} ${processes}: ${answer.seconds.toFixed(3)} s` }
      },
    )
    const ended: Array<ParallelSide & { readonly of: Scaling["of"] }> = []
    for (const [i, { of, processes, worker }] of sides.entries()) {
      const seconds = answers.map((round) => round[i]!.seconds)
      const secondsPerStep = median(seconds)
      const tokensPerSecond = (o.batch * o.length * processes) / secondsPerStep
      const { name, versions } = worker
      const peakMegabytes = await worker.end()
      ended.push({ of, name, processes, seconds, secondsPerStep, tokensPerSecond, peakMegabytes, versions })
    }
    const scalings = (["ours", "peer"] as const).flatMap((of): ReadonlyArray<Scaling> => {
      const [one, several] = ended.filter((side) => side.of === of)
      if (one === undefined || several === undefined) return []
      return [{ of, one, several, efficiency: speedRatio(several.seconds, one.seconds) }]
    })
    const { draft, vocab, batch, length, keep, processes } = o
    const bound = onCore(0).length > 0
    return {
      sizes: { draft, vocab, batch, length, keep, processes },
      bound,
      network: o.network,
      scalings,
      ...quietness,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
