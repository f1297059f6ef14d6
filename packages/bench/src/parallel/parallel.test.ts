/** `bench parallel` at small sizes: both sides answer, and impossible arguments are refused before a process starts. */
import { expect, test } from "bun:test"
import { runBench } from "../side-by-side/fake-peer.fixture.ts"
import type { ParallelReport } from "./bench-parallel.ts"

test("one process and two: seconds, tokens and efficiency", () => {
  const small = ["--draft", "16,1,2,32", "--target", "16,1,2,32", "--vocab", "64", "--batch", "2", "--length", "8"]
  const { exitCode, stdout, stderr } = runBench("parallel", ...small, "--steps", "2", "--json")
  expect([exitCode, stderr]).toEqual([0, ""])
  const { scalings, sizes } = JSON.parse(stdout) as ParallelReport
  expect(sizes.processes).toBe(2)
  expect(scalings.map(({ of }) => of)).toEqual(["ours"])
  const [{ one, several, efficiency }] = scalings as [(typeof scalings)[0]]
  expect([one.processes, several.processes, several.seconds.length]).toEqual([1, 2, 2])
  expect(several.tokensPerSecond * several.secondsPerStep).toBeCloseTo(2 * one.tokensPerSecond * one.secondsPerStep)
  expect(efficiency.each).toHaveLength(2)
})

test("one process alone is refused", () => {
  const { exitCode, stderr } = runBench("parallel", "--processes", "1")
  expect(exitCode).toBe(2)
  expect(stderr).toContain("--processes is 1, expected 2 or more")
})
