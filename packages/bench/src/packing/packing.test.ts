/** `bench packing`: every training and arrangement on real texts, packed losses that equal padded ones, and refusals. */
import { expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { runBench } from "../side-by-side/fake-peer.fixture.ts"
import type { PackingReport } from "./bench-packing.ts"

const data = process.env["WINNOW_DATA"]
const missing = data === undefined || !existsSync(join(data, "gsm8k/train.jsonl"))
if (missing) console.log("bench packing is not tried: WINNOW_DATA has no gsm8k/train.jsonl")

test.skipIf(missing)("each training with each arrangement: padding, ratios to padded rows, equal losses", () => {
  const small = ["--problems", "90", "--vocabulary", "300", "--draft", "16,1,2,32", "--target", "32,1,2,64"]
  const { exitCode, stdout, stderr } = runBench("packing", ...small, "--rounds", "1", "--steps", "2", "--json")
  expect([exitCode, stderr]).toEqual([0, ""])
  const { trainings, examples, dropped } = JSON.parse(stdout) as PackingReport
  expect(examples + dropped).toBe(90)
  expect(trainings.map(({ kind }) => kind)).toEqual(["plain", "live", "cached"])
  for (const { sides, lossDifference } of trainings) {
    const padding = Object.fromEntries(sides.map((side) => [side.name, side.padding]))
    expect(Object.keys(padding)).toEqual(["padded", "in buckets", "packed in buckets", "packed"])
    expect(padding["padded"]).toBeGreaterThan(0.2)
    expect(padding["packed"]).toBeLessThan(0.1)
    expect(padding["packed in buckets"]).toBeLessThan(padding["in buckets"]!)
    expect(sides[0]!.speed.each).toEqual([1])
    expect(lossDifference).toBeLessThan(1e-5)
  }
})

test("a folder without the data is refused in one line", () => {
  const { exitCode, stdout, stderr } = runBench("packing", "--data", import.meta.dir)
  expect([exitCode, stdout]).toEqual([2, ""])
  expect(stderr).toContain("gsm8k/train.jsonl: give --data the folder that holds gsm8k/train.jsonl")
})
