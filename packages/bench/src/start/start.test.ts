/** `bench start`: both commands give a text on the folders that it writes, and every phase has its time. */
import { expect, test } from "bun:test"
import { UsageError } from "../options.ts"
import { runBench } from "../side-by-side/fake-peer.fixture.ts"
import type { StartReport } from "./bench-start.ts"
import { parseStart } from "./options.ts"

test("times the commands and the phases of a small model", () => {
  const sizes = ["--target", "64,2,2,128", "--draft", "32,1,1,64", "--vocab", "600", "--rounds", "1", "--json"]
  const { exitCode, stdout, stderr } = runBench("start", ...sizes)
  expect([exitCode, stderr]).toEqual([0, ""])
  const { generate, evaluate, phases, rounds } = JSON.parse(stdout) as StartReport
  expect(rounds).toBe(1)
  const each = Object.values(phases)
  expect(each).toHaveLength(6)
  expect(Math.min(...each)).toBeGreaterThan(0)
  for (const { seconds, median } of [generate, evaluate]) {
    expect(seconds).toEqual([median])
    expect(median).toBeGreaterThan(phases.runtime)
  }
})

test("refused: sizes that no model can have", () => {
  expect(() => parseStart(["--draft", "64,2,3,128"])).toThrow(UsageError)
  expect(() => parseStart(["--draft", "64,2,3,128"])).toThrow("num_attention_heads 3 divides hidden_size 64")
})
