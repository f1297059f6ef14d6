/** `bench step`: its options, its floor, and the comparison with a peer that is not PyTorch. */

import { describe, expect, test } from "bun:test"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { UsageError } from "../options.ts"
import { callBench, runBench, withPeer } from "../side-by-side/fake-peer.fixture.ts"
import { headerOf } from "../side-by-side/header.ts"
import { fastest, shownRatio, speedRatio } from "../side-by-side/peer-sides.ts"
import { checkPeer } from "../side-by-side/worker-process.ts"
import { type StepReport, stepLines } from "./bench-step.ts"
import { flameSvg, flameTable, medianFlame } from "./flame.ts"
import { floorOf } from "./floor.ts"
import { parseStep } from "./options.ts"
import { lossDifferenceOf } from "./run-step.ts"
import type { StepSpans } from "./spans.ts"
import { pointsOf } from "./sweep.ts"

const main = join(import.meta.dir, "../main.ts")
const tiny = ["--draft", "16,1,2,32", "--target", "16,1,2,32", "--vocab", "64", "--batch", "2", "--length", "8"]

describe("beside a peer", () => {
  test("takes turns with all peers; they keep freed memory, whatever the user's setting; the verdict compares with the faster eager one and the best", () =>
    withPeer(
      `if (process.env.MALLOC_TRIM_THRESHOLD_ === undefined) return { seconds: 8, loss: 0.525 }
       return { seconds: kind === "best" ? 1 : kind === "bf16" ? 2 : 3, loss: 0.5 }`,
      (peer) => {
        const args = [...tiny, "--peers", "fp32,bf16,best,bf16-default", "--steps", "2", "--json"]
        const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, main, "step", "--peer", peer, ...args], {
          env: { ...process.env, MALLOC_TRIM_THRESHOLD_: "1" },
        })
        expect([exitCode, stderr.toString()]).toEqual([0, ""])
        const report = JSON.parse(stdout.toString()) as StepReport
        const { ours, peers, against, floorGigaflops, signals, command, lossDifference, othersCores } = report
        expect(command).toBe(`bun run bench step --peer PYTHON ${args.join(" ")}`)
        expect(signals).toBe("live")
        const keepMemory = { MALLOC_MMAP_THRESHOLD_: "8589934592", MALLOC_TRIM_THRESHOLD_: "17179869184" }
        expect(peers.map((side) => [side.name, side.peer, side.secondsPerStep, side.environment])).toEqual([
          ["a peer fp32", "fp32", 3, keepMemory],
          ["a peer bf16", "bf16", 2, keepMemory],
          ["a peer best", "best", 1, { ...keepMemory, GLIBC_TUNABLES: "glibc.malloc.hugetlb=1" }],
          ["a peer bf16", "bf16-default", 8, {}],
        ])
        expect(ours.losses.every((loss) => loss! > 0)).toBe(true)
        if (process.platform === "linux") expect(othersCores).toBeGreaterThanOrEqual(0)
        for (const peer of peers) {
          expect(peer.peakMegabytes).toBe(4) // two steps to warm up, two timed
          expect(peer.tokensPerSecond).toBe(16 / peer.secondsPerStep)
          expect(peer.memory_ratio).toBeCloseTo(ours.peakMegabytes / 4, 6)
          const each = ours.seconds.map((s) => peer.secondsPerStep / s)
          expect(peer.speed).toMatchObject({ each, low: Math.min(...each), high: Math.max(...each) })
          expect(peer.versions).toEqual({ peer: "1.2" })
        }
        const { peer: eager, ...figures } = against.eager!
        expect(eager).toBe("bf16")
        expect(peers[1]!).toMatchObject(figures)
        expect(against.best).toMatchObject({ peer: "best", name: "a peer best", speed: peers[2]!.speed })
        expect(ours.gigaflopsPerSecond).toBeCloseTo(floorGigaflops.total / ours.secondsPerStep, 9)
        expect(lossDifference).toBeCloseTo(0.05, 12)
        expect(stepLines(report).join("\n")).toContain("losses differ by up to 5.0 %")
      },
    ))

  test("without --peers: eager PyTorch in both precisions and the best", () => {
    expect(parseStep([]).peers).toEqual(["fp32", "bf16", "best"])
  })

  test("with --cached: caches come first, the floor excludes the frozen models; the peers read a cache that their own Python made", () =>
    withPeer(`return { seconds: args.includes("--signals") ? 1 : 9, loss: 0.5 }`, async (peer) => {
      const args = ["--peer", peer, "--cached", "--top-k", "8", ...tiny, "--steps", "1", "--json"]
      const report = JSON.parse(await callBench("step", ...args)) as StepReport
      const { ours, peers, signals, floorGigaflops, lossDifference } = report
      expect([signals, ...peers.map((side) => side.secondsPerStep)]).toEqual(["cached", 1, 1, 1])
      expect(ours.name).toEndWith("signals cached (top 8)")
      expect(floorGigaflops.frozen).toBe(0)
      expect(lossDifference).toBe(0)
      expect(stepLines(report).join("\n")).not.toContain("losses differ")
    }))

  test("one peer only, as a table", () =>
    withPeer(`return { seconds: 3 }`, async (peer) => {
      const stdout = await callBench("step", "--peer", peer, "--peers", "fp32", ...tiny, "--steps", "1")
      expect(stdout).toMatch(/^a peer fp32 +3\.000 s/m)
      expect(stdout).toMatch(
        /^ours \/ a peer fp32: [\d.]+ \[[\d.]+, [\d.]+\] times its tokens a second, [\d.]+ of its memory$/m,
      )
      expect(stdout).not.toContain("a peer bf16")
    }))

  test("with --cached and no peer: the floor excludes the frozen models, and there is no verdict", () => {
    const { exitCode, stdout, stderr } = runBench("step", "--cached", "--top-k", "8", ...tiny, "--steps", "1", "--json")
    expect([exitCode, stderr]).toEqual([0, ""])
    const { ours, peers, against, signals, floorGigaflops } = JSON.parse(stdout) as StepReport
    expect(signals).toBe("cached")
    expect(ours.name).toEndWith("signals cached (top 8)")
    expect(floorGigaflops.frozen).toBe(0)
    expect(peers).toEqual([])
    expect(against).toEqual({})
  })

  test("a peer that ends early: exit code 1, with the end of its stderr", () =>
    withPeer(`console.error("out of memory"); process.exit(1)`, (peer) => {
      const { exitCode, stderr } = runBench("step", "--peer", peer, ...tiny, "--json")
      expect(exitCode).toBe(1)
      expect(stderr).toContain("out of memory")
      expect(stderr.split("\n")[0]).toEndWith(" [WN-112]")
    }))
})

test("the ratio is the median of the rounds' ratios; the faster side has the smaller median", () => {
  expect(speedRatio([1, 2, 4], [3, 4, 4])).toEqual({ value: 2, low: 1, high: 3, each: [3, 2, 1] })
  expect(shownRatio(speedRatio([1, 2, 4], [3, 4, 4]))).toBe("2.00 [1.00, 3.00]")
  const [a, b] = [{ seconds: [5, 1, 1] }, { seconds: [2, 2, 0.5] }]
  expect(fastest([b, a])).toBe(a)
  expect(fastest([])).toBeUndefined()
})

test("the largest relative difference of losses after equally many steps; sides without losses are left out", () => {
  expect(lossDifferenceOf([{ losses: [2, 1] }, { losses: [2, 1.25, 9] }, { losses: [2.2, 1.1] }])).toBeCloseTo(0.25, 12)
  expect(lossDifferenceOf([{ losses: [2] }, { losses: [null] }])).toBeNull()
})

test("the floor: heads on all tokens and again on the kept ones, trunks; it excludes cached work", () => {
  const [d, D, V, N] = [4, 8, 10, 6]
  const sizes = { draft: [d, 2, 1, 16], target: [D, 1, 1, 32], vocab: V, batch: 2, length: 3, keep: 0.5 } as const
  const draft = 2 * N * 2 * (4 * d * d + 2 * d * 16) + 2 * N * 2 * d * 3
  const target = 2 * N * (4 * D * D + 2 * D * 32) + 2 * N * D * 3
  const live = {
    frozen: target + draft,
    draft: 3 * draft,
    statistics: 2 * N * V * (D + 2 * d),
    kept: 2 * 3 * V * (D + 3 * d),
  }
  const sum = (parts: Record<string, number>) => Object.values(parts).reduce((a, b) => a + b, 0)
  expect(floorOf({ ...sizes, cached: false })).toEqual({ ...live, total: sum(live) })
  const cached = { frozen: 0, draft: 3 * draft, statistics: 2 * N * V * d, kept: 2 * 3 * V * 3 * d }
  expect(floorOf({ ...sizes, cached: true })).toEqual({ ...cached, total: sum(cached) })
})

describe("a sweep", () => {
  test("varies one size and leaves the others", () => {
    const options = parseStep([])
    expect(pointsOf(options, "vocab").map(({ vocab }) => vocab)).toEqual([4096, 50304, 151936])
    expect(pointsOf(options, "width").map(({ draft }) => draft)).toEqual(
      [64, 128, 256, 512, 1024].map((d) => [d, 6, d / 32, 4 * d]),
    )
    expect(pointsOf(options, "tokens").map(({ batch, length }) => batch * length)).toEqual([
      256, 512, 1024, 2048, 4096, 8192,
    ])
    for (const point of pointsOf(options, "tokens")) expect(point).toEqual({ ...options, batch: point.batch })
  })

  test("times our side at each size, in a process of its own", async () => {
    const sizes = ["--draft", "16,1,2,32", "--target", "16,1,2,32", "--batch", "1", "--length", "8", "--steps", "1"]
    const { sweep, points } = JSON.parse(await callBench("step", "--sweep", "vocab", ...sizes, "--json"))
    expect(sweep).toBe("vocab")
    expect(points.map(({ at }: { at: number }) => at)).toEqual([4096, 50304, 151936])
    for (const { ours, microsecondsPerToken } of points) {
      expect(microsecondsPerToken).toBeCloseTo((1e6 * ours.secondsPerStep) / 8, 6)
      expect(ours.peakMegabytes).toBeGreaterThan(0)
    }
  })
})

describe("bad options give one line on stderr and exit code 2", () => {
  test.each([
    [["--fast"], "--fast"],
    [["--steps", "x"], '--steps is "x", expected a whole number of 1 or more'],
    [["--steps", "0"], '--steps is "0"'],
    [["--threads=-2"], '--threads is "-2"'],
    [["--batch", "1.5"], '--batch is "1.5"'],
    [["--keep", "1.5"], '--keep is "1.5", expected a ratio above 0 and up to 1'],
    [["--keep", ""], '--keep is ""'],
    [["--micro-batches", "3"], "--micro-batches is 3, expected a divisor of --batch 4"],
    [["--draft", "256,6,8"], '--draft is "256,6,8", expected four whole numbers'],
    [["--target", "512,six,8,2048"], '--target is "512,six,8,2048", expected four whole numbers'],
    [["--draft", "256,6,7,1024"], "num_attention_heads 7 divides hidden_size 256"],
    [["--precision", "int8"], '--precision is "int8", expected bfloat16, float32'],
    [["--shape", "qwen3"], '--shape is "qwen3", expected qwen2.5'],
    [["--shape", "qwen2.5", "--vocab", "8"], "--shape fixes draft, target and vocabulary"],
    [["--shape", "qwen2.5", "--peers", "best"], '--peers is "best", expected some of fp32, bf16 with --shape'],
    [["--peers", "fp32,fp16"], '--peers is "fp16", expected fp32, bf16, best, bf16-default'],
    [["--sweep", "depth"], '--sweep is "depth", expected vocab, width, tokens'],
    [["--sweep", "vocab", "--peer", "python"], "a sweep times our side alone"],
  ])("%p", (args, message) => {
    const parsed = () => parseStep(args)
    expect(parsed).toThrow(UsageError)
    expect(parsed).toThrow(message)
    expect(parsed).toThrow(/^.*$/)
  })

  test("of the command: a missing peer", () => {
    const { exitCode, stdout, stderr } = runBench("step", "--peer", "/nope")
    expect([exitCode, stdout]).toEqual([2, ""])
    expect(stderr).toMatch(/^error: .*"\/nope": there is no such program .* give its path.*\n$/)
  })

  test("a Python without PyTorch: the message names the missing package and the remedy", async () => {
    const folder = mkdtempSync(join(tmpdir(), "winnow-bench-"))
    try {
      const peer = join(folder, "python")
      const lacks = "ModuleNotFoundError: No module named 'torch'"
      writeFileSync(peer, `#!/bin/sh\n[ "$1" = -c ] && echo "Traceback:\n${lacks}" >&2\nexit 1\n`)
      chmodSync(peer, 0o755)
      const error = await checkPeer(peer).then(
        () => undefined,
        (cause: unknown) => cause,
      )
      expect(error).toBeInstanceOf(UsageError)
      const { message } = error as UsageError
      expect(message).toContain(`fails there: ${lacks}; `)
      expect(message).toContain(`${peer} -m pip install torch transformers`)
      expect(message).not.toContain("\n")
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

test("a header has no path of its machine", () => {
  const paths = ["--peer", "/a/python", "--folder=/b", "--folder", "/c", "--peer=/d", "--steps", "2"]
  const { command } = headerOf("step", paths)
  expect(command).toBe("bun run bench step --peer PYTHON --folder=DIR --folder DIR --peer=PYTHON --steps 2")
})

test("a flame view: calls by phase, the rest as JavaScript, the step of median length", () => {
  const spans = (gemm: number): StepSpans => ({
    milliseconds: gemm + 4,
    phases: [
      { name: "draft forward", start: 0, end: gemm + 1 },
      { name: "optimizer", start: gemm + 1, end: gemm + 4 },
    ],
    calls: [
      { name: "gemm", start: 0, end: gemm / 2 },
      { name: "gemm", start: gemm / 2, end: gemm },
      { name: "adamw", start: gemm + 1, end: gemm + 4 },
    ],
  })
  const flame = medianFlame([spans(20), spans(16), spans(90)])
  expect(flame.milliseconds).toBe(24)
  expect(flame.javascript).toBeCloseTo(1 / 24)
  expect(flame.phases[0]).toEqual({
    name: "draft forward",
    milliseconds: 21,
    parts: [
      { name: "gemm", milliseconds: 20, calls: 2 },
      { name: "JavaScript", milliseconds: 1, calls: 0 },
    ],
  })
  expect(flameTable(flame)).toContain("of which JavaScript 4.2 %")
  const svg = flameSvg(flame, "a < b")
  expect(svg).toContain("a &lt; b")
  expect(svg.match(/<rect /g)).toHaveLength(1 + 2 + 3) // background, phases and parts; no part of zero length
})
