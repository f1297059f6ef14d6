/** `bench together`: both ways write the same texts; impossible options are refused. */
import { expect, test } from "bun:test"
import { UsageError } from "../options.ts"
import { runBench } from "../side-by-side/fake-peer.fixture.ts"
import type { TogetherReport } from "./bench-together.ts"
import { parseTogether } from "./options.ts"

test("takes turns, round by round; both ways write the same texts", () => {
  const sizes = ["--draft", "32,1,1,64", "--target", "64,2,2,128", "--vocab", "256", "--prompt", "4", "--new", "12"]
  const { exitCode, stdout, stderr } = runBench("together", ...sizes, "--batch", "3", "--rounds", "2", "--json")
  expect([exitCode, stderr]).toEqual([0, ""])
  const { one, together, gain, same, texts, acceptance } = JSON.parse(stdout) as TogetherReport
  expect([same, texts]).toEqual([6, 6])
  expect(acceptance).toBeWithin(0.3, 1)
  for (const { seconds, tokensPerSecond } of [one, together]) {
    expect(seconds).toHaveLength(2)
    expect(tokensPerSecond).toBeGreaterThan(0)
  }
  expect(gain.value).toBeWithin(gain.low, gain.high * (1 + 1e-9))
})

test.each([
  [["--batch", "0"], '--batch is "0", expected a whole number of 1 or more'],
  [["--vocab", "100"], "make 128 tokens, the vocabulary has 100"],
  [["--target", "64,2,3,128"], "num_attention_heads 3 divides hidden_size 64"],
])("refused: %p", (args, message) => {
  expect(() => parseTogether(args)).toThrow(UsageError)
  expect(() => parseTogether(args)).toThrow(message)
})
