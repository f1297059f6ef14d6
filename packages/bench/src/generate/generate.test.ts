/** `bench generate`: its prompts, its floor, its options, and the comparison with a peer that is not PyTorch. */
import { expect, test } from "bun:test"
import { weightsRead } from "../decode/floor.ts"
import { UsageError } from "../options.ts"
import { runBench, withPeer } from "../side-by-side/fake-peer.fixture.ts"
import type { GenerateReport } from "./bench-generate.ts"
import { rateFloor } from "./floor.ts"
import { parseGenerate } from "./options.ts"
import { promptsOf } from "./run-generate.ts"

test("prompts are of half to all of the longest length, others in each round", () => {
  const rounds = promptsOf({ batch: 20, prompt: 9, vocab: 50 }, 3)
  expect(rounds.map((prompts) => prompts.length)).toEqual([20, 20, 20])
  for (const prompts of rounds) {
    const lengths = prompts.map(({ length }) => length)
    expect([Math.max(...lengths), Math.min(...lengths) >= 5]).toEqual([9, true])
    expect(prompts.flat().every((id) => id >= 0 && id < 50)).toBe(true)
  }
  expect(new Set(rounds.map(String)).size).toBe(3)
})

test("the floor is reading for few rows of a large model, arithmetic for many or for a model in the cache", () => {
  const large = [768, 12, 12, 3072] as const
  const machine = { bandwidth: 50e9, flops: 500e9, bytes: 2 }
  const weights = weightsRead(large, 50304)
  expect(rateFloor(large, 50304, 1, machine)).toBeCloseTo(50e9 / (2 * weights), 6)
  expect(rateFloor(large, 50304, 100, machine)).toBeCloseTo(500e9 / (2 * weights), 6)
  const small = [64, 2, 2, 128] as const
  expect(rateFloor(small, 256, 1, machine)).toBeCloseTo(500e9 / (2 * weightsRead(small, 256)), 6)
})

const tiny = [
  "--target",
  "64,2,2,128",
  "--vocab",
  "256",
  "--prompt",
  "6",
  "--new",
  "8",
  "--batch",
  "5",
  "--single",
  "2",
]

test("takes turns with a peer; the batch has the tokens of one prompt at a time, and is compared with the faster peer", () =>
  withPeer(
    // bf16 is faster greedy, fp32 sampled; one at a time takes as long as the batch
    `const fast = line.startsWith("greedy") === args.includes("--bf16")
     const count = line.includes("one") ? 2 : 5
     return { seconds: fast ? 1 : 2, texts: Array.from({ length: count }, (_, i) => Array(8).fill(i + count)) }`,
    (peer) => {
      const { exitCode, stdout, stderr } = runBench("generate", "--peer", peer, ...tiny, "--rounds", "2", "--json")
      expect([exitCode, stderr]).toEqual([0, ""])
      const { ours, peers, against, floor, sizes } = JSON.parse(stdout) as GenerateReport
      expect([sizes.batch, sizes.single]).toEqual([5, 2])
      for (const mode of ["greedy", "sampled"] as const) {
        // in native decoding a row's numbers do not depend on its batch, and draws are by prompt
        expect(ours[mode].same).toBe(1)
        expect(ours[mode].gain.value).toBeGreaterThan(0)
        expect(ours[mode].batch / ours[mode].one).toBeGreaterThan(0)
      }
      const [fp32, bf16] = peers
      expect([fp32!.greedy.batch, bf16!.greedy.batch, fp32!.sampled.batch]).toEqual([20, 40, 40])
      expect([fp32!.greedy.one, fp32!.greedy.gain.value, fp32!.greedy.same]).toEqual([8, 2.5, 0])
      expect(against).toEqual({
        greedy: { name: "a peer bf16", speed: bf16!.speed.greedy },
        sampled: { name: "a peer fp32", speed: fp32!.speed.sampled },
      })
      if (floor !== null) expect(floor.gain).toBeCloseTo(1, 6) // so small a model stays in the cache
    },
  ))

test.each([
  [["--batch", "0"], '--batch is "0", expected a whole number of 1 or more; `bun run bench generate --help`'],
  [["--target", "64,2,3,128"], "num_attention_heads 3 divides hidden_size 64"],
  [["--precision", "int8"], '--precision is "int8"'],
])("refused: %p", (args, message) => {
  expect(() => parseGenerate(args)).toThrow(UsageError)
  expect(() => parseGenerate(args)).toThrow(message)
})

test("--small selects a model; no more prompts are continued one at a time than at once", () => {
  const { target, vocab, single } = parseGenerate(["--small", "--vocab", "1000", "--batch", "3", "--single", "9"])
  expect({ target, vocab, single }).toEqual({ target: [128, 4, 4, 512], vocab: 1000, single: 3 })
})
