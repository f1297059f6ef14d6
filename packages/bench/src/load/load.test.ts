/** `bench load`: its files, its options, and the comparison with a peer that is not PyTorch. */
import { expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { readSafetensors, writeSafetensors } from "@winnow/models"
import { UsageError } from "../options.ts"
import { runBench, withPeer } from "../side-by-side/fake-peer.fixture.ts"
import type { LoadReport } from "./bench-load.ts"
import { copyInHalves } from "./formats.ts"
import { parseLoad } from "./options.ts"

test("halves hold the numbers in other programs' formats", () => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-halves-"))
  try {
    const from = join(folder, "F32")
    mkdirSync(from)
    writeFileSync(join(from, "config.json"), "{}")
    const values = Float32Array.of(1, -2.5, 1 / 3, 0)
    writeSafetensors(join(from, "model.safetensors"), [
      { name: "a", shape: [1], data: Float32Array.of(7) },
      { name: "w", shape: [2, 2], data: values },
    ])
    for (const format of ["F16", "BF16"] as const) {
      copyInHalves(from, join(folder, format), format)
      const read = readSafetensors(join(folder, format, "model.safetensors"))
      expect(read.get("a")).toEqual({ shape: [1], data: Float32Array.of(7) })
      const w = read.get("w")!.data
      expect([w[0], w[1], w[3]]).toEqual([1, -2.5, 0])
      expect(Math.abs(w[2]! - 1 / 3)).toBeLessThan(format === "F16" ? 2 ** -13 : 2 ** -9)
      expect(w[2]).not.toBe(values[2])
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test("takes turns with a peer, format by format", () =>
  withPeer(`return { seconds: line === "load F32" ? 2 : 1 }`, (peer) => {
    const sizes = ["--model", "16,1,2,32", "--vocab", "64", "--rounds", "1"]
    const { exitCode, stdout, stderr } = runBench("load", "--peer", peer, ...sizes, "--json")
    expect([exitCode, stderr]).toEqual([0, ""])
    const { rows, peakMegabytes } = JSON.parse(stdout) as LoadReport
    expect(rows.map(({ format, peer }) => [format, peer!.seconds[0]])).toEqual([
      ["F32", 2],
      ["F16", 1],
      ["BF16", 1],
    ])
    expect(peakMegabytes[1]).toBe(9) // three loads of three formats
    for (const { megabytes, ours, peer, speed } of rows) {
      expect(ours.gigabytesPerSecond).toBeCloseTo(megabytes / 1000 / ours.seconds[0]!, 9)
      expect(speed!.value).toBeCloseTo(peer!.seconds[0]! / ours.seconds[0]!, 9)
    }
    expect(rows[0]!.megabytes).toBeGreaterThan(1.5 * rows[1]!.megabytes)
  }))

test.each([
  [["--rounds", "0"], '--rounds is "0", expected a whole number of 1 or more; `bun run bench load --help`'],
  [["--model", "16,1,3,32"], "num_attention_heads 3 divides hidden_size 16"],
  [["--format", "F32"], "--format"],
])("refused: %p", (args, message) => {
  expect(() => parseLoad(args)).toThrow(UsageError)
  expect(() => parseLoad(args)).toThrow(message)
})
