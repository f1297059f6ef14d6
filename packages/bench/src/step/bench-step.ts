/** The selective step against a peer, alternating step by step in two processes of the same sizes, on the same machine. */
import { join } from "node:path"
import { median } from "@winnow/numerics"
import { parseStep, type Sizes, type StepOptions, stepUsage } from "./options.ts"
import { checkPeer, startWorker } from "./worker-process.ts"

/** Multiplications and additions x 2 of one step done the selective way: the arithmetic floor. */
const floorFlops = (o: StepOptions): number => {
  const N = o.batch * o.length
  // projections and feed-forward, then scores and values over a causal half
  const trunk = ([d, layers, , f]: Sizes) => 2 * N * layers * (4 * d * d + 2 * d * f) + 2 * N * layers * d * o.length
  const [d] = o.draft
  const [D] = o.target
  const K = Math.ceil(o.keep * N)
  const heads = 2 * N * o.vocab * (D + 2 * d) + 2 * K * o.vocab * (D + 3 * d)
  return trunk(o.target) + trunk(o.draft) + 3 * trunk(o.draft) + heads
}

/**
 * Runs the comparison; results as a table on stdout, or as JSON.
 *
 * @error UsageError for arguments that cannot be, or a peer that lacks PyTorch; WorkerEnded when one side fails on the way
 */
export const benchStep = async (args: ReadonlyArray<string>): Promise<void> => {
  const options = parseStep(args)
  if (options.help) return console.log(stepUsage)
  if (options.peer !== undefined) await checkPeer(options.peer)
  const given = (["draft", "target", "vocab", "batch", "length", "keep", "threads"] as const).map(
    (name) => [name, String(options[name])] as const,
  )
  const sizes = given.flatMap(([name, value]) => [`--${name}`, value])
  const ours = await startWorker([process.execPath, join(import.meta.dir, "worker.ts"), ...sizes])
  const script = join(import.meta.dir, "../../peers/torch_selective_step.py")
  const peer =
    options.peer === undefined
      ? undefined
      : await startWorker([options.peer, script, ...sizes, ...(options.bf16 ? ["--bf16"] : [])])

  const times: Array<{ ours: number; peer: number }> = []
  const warmUp = 2
  for (let i = 0; i < warmUp + options.steps; i++) {
    const pair = { ours: await ours.step(), peer: (await peer?.step()) ?? Number.NaN }
    if (i >= warmUp) times.push(pair)
    if (!options.json)
      console.error(
        `${i < warmUp ? "warm-up" : "step"}  ours ${pair.ours.toFixed(3)} s  peer ${pair.peer.toFixed(3)} s`,
      )
  }
  const [oursPeak, peerPeak] = [await ours.end(), await peer?.end()]
  const tokens = options.batch * options.length
  const oursSeconds = median(times.map((t) => t.ours))
  const peerSeconds = median(times.map((t) => t.peer))
  const flops = floorFlops(options)
  const result = {
    sizes: Object.fromEntries(given),
    ours: {
      name: ours.name,
      secondsPerStep: oursSeconds,
      tokensPerSecond: tokens / oursSeconds,
      peakMegabytes: oursPeak,
      gigaflopsPerSecond: flops / oursSeconds / 1e9,
    },
    gigaflops: flops / 1e9,
    ...(peer !== undefined && {
      peer: {
        name: peer.name,
        secondsPerStep: peerSeconds,
        tokensPerSecond: tokens / peerSeconds,
        peakMegabytes: peerPeak,
      },
      // the median of the pairs' ratios: a slow moment of the machine hits both of a pair
      speed_ratio: median(times.map((t) => t.peer / t.ours)),
      memory_ratio: oursPeak / peerPeak!,
      speed_ratios: times.map((t) => t.peer / t.ours),
    }),
  }
  if (options.json) return console.log(JSON.stringify(result))
  const row = (name: string, s: number, megabytes: number) =>
    console.log(
      `${name.padEnd(34)} ${s.toFixed(3).padStart(8)} s  ${(tokens / s).toFixed(0).padStart(6)} tokens/s  ${megabytes.toFixed(0).padStart(6)} MB`,
    )
  row(ours.name, oursSeconds, oursPeak)
  if (peer !== undefined) {
    row(peer.name, peerSeconds, peerPeak!)
    console.log(
      `speed ratio ${result.speed_ratio!.toFixed(2)} (ours / peer, more is better)   memory ratio ${result.memory_ratio!.toFixed(2)}`,
    )
  }
  console.log(
    `arithmetic of the step: ${result.gigaflops.toFixed(0)} GFLOP, done at ${result.ours.gigaflopsPerSecond.toFixed(0)} GFLOP/s`,
  )
}
