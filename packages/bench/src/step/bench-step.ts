/**
 * The selective step against a peer, alternating step by step in two processes of the same sizes, on the same machine.
 *
 * Every worker speaks one protocol: a "step" line in, {"seconds"} out; its input's end, {"peakMegabytes"} out.
 */
import { join } from "node:path"
import { parseArgs } from "node:util"
import { median } from "../statistics.ts"

const usage = `bun run bench step [--peer PYTHON] [options]

  --peer PYTHON     a Python that has PyTorch and transformers; without it only our own step is timed
  --bf16            let the peer multiply in bfloat16
  --draft SIZES     hidden,layers,heads,intermediate of draft and reference (256,6,8,1024)
  --target SIZES    of the target (512,6,8,2048)
  --vocab V         vocabulary (50304)
  --batch B         sequences (4)
  --length T        tokens of each (256)
  --keep K          keep ratio of AdaSPEC's filter (0.4)
  --threads N       threads of each process (2)
  --steps S         timed steps of each, after 2 that are not (6)
  --json            one JSON object on stdout and nothing else
`

interface Worker {
  readonly name: string
  readonly step: () => Promise<number>
  readonly end: () => Promise<number>
}

/** Starts a worker and waits until it says that it is ready. */
const start = async (command: ReadonlyArray<string>): Promise<Worker> => {
  const child = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "pipe" })
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader()
  let pending = ""
  const answer = async <T>(): Promise<T> => {
    for (;;) {
      const end = pending.indexOf("\n")
      if (end >= 0) {
        const line = pending.slice(0, end)
        pending = pending.slice(end + 1)
        if (line.startsWith("{")) return JSON.parse(line) as T
        continue
      }
      const { value, done } = await lines.read()
      if (done)
        throw new Error(`${command.join(" ")} ended early:\n${(await new Response(child.stderr).text()).slice(-2000)}`)
      pending += value
    }
  }
  const { ready } = await answer<{ ready: string }>()
  return {
    name: ready,
    step: async () => {
      child.stdin.write("step\n")
      await child.stdin.flush()
      return (await answer<{ seconds: number }>()).seconds
    },
    end: async () => {
      child.stdin.end()
      const { peakMegabytes } = await answer<{ peakMegabytes: number }>()
      await child.exited
      return peakMegabytes
    },
  }
}

/** Multiplications and additions x 2 of one step done the selective way: the arithmetic floor. */
const floorFlops = (o: { draft: string; target: string; V: number; B: number; T: number; keep: number }): number => {
  const N = o.B * o.T
  const sizes = (text: string) => text.split(",").map(Number) as [number, number, number, number]
  const trunk = (text: string) => {
    const [d, layers, , f] = sizes(text)
    // projections and feed-forward, then scores and values over a causal half
    return 2 * N * layers * (4 * d * d + 2 * d * f) + 2 * N * layers * d * o.T
  }
  const [d] = sizes(o.draft)
  const [D] = sizes(o.target)
  const K = Math.ceil(o.keep * N)
  const heads = 2 * N * o.V * (D + 2 * d) + 2 * K * o.V * (D + 3 * d)
  return trunk(o.target) + trunk(o.draft) + 3 * trunk(o.draft) + heads
}

/** Runs the comparison; results as a table on stdout, or as JSON. */
export const benchStep = async (args: ReadonlyArray<string>): Promise<void> => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      peer: { type: "string" },
      bf16: { type: "boolean", default: false },
      draft: { type: "string", default: "256,6,8,1024" },
      target: { type: "string", default: "512,6,8,2048" },
      vocab: { type: "string", default: "50304" },
      batch: { type: "string", default: "4" },
      length: { type: "string", default: "256" },
      keep: { type: "string", default: "0.4" },
      threads: { type: "string", default: "2" },
      steps: { type: "string", default: "6" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  })
  if (values.help) return console.log(usage)
  const sizes = (["draft", "target", "vocab", "batch", "length", "keep", "threads"] as const).flatMap((name) => [
    `--${name}`,
    values[name],
  ])
  const ours = await start([process.execPath, join(import.meta.dir, "worker.ts"), ...sizes])
  const script = join(import.meta.dir, "../../peers/torch_selective_step.py")
  const peer =
    values.peer === undefined
      ? undefined
      : await start([values.peer, script, ...sizes, ...(values.bf16 ? ["--bf16"] : [])])

  const times: Array<{ ours: number; peer: number }> = []
  const warmUp = 2
  for (let i = 0; i < warmUp + Number(values.steps); i++) {
    const pair = { ours: await ours.step(), peer: (await peer?.step()) ?? Number.NaN }
    if (i >= warmUp) times.push(pair)
    if (!values.json)
      console.error(
        `${i < warmUp ? "warm-up" : "step"}  ours ${pair.ours.toFixed(3)} s  peer ${pair.peer.toFixed(3)} s`,
      )
  }
  const [oursPeak, peerPeak] = [await ours.end(), await peer?.end()]
  const tokens = Number(values.batch) * Number(values.length)
  const oursSeconds = median(times.map((t) => t.ours))
  const peerSeconds = median(times.map((t) => t.peer))
  const flops = floorFlops({
    draft: values.draft,
    target: values.target,
    V: Number(values.vocab),
    B: Number(values.batch),
    T: Number(values.length),
    keep: Number(values.keep),
  })
  const result = {
    sizes: Object.fromEntries(sizes.flatMap((s, i) => (i % 2 === 0 ? [[s.slice(2), sizes[i + 1]]] : []))),
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
  if (values.json) return console.log(JSON.stringify(result))
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
