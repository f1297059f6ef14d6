/** `bench decode`: its pair, its floor, its options, and the comparison with a peer that is not PyTorch. */
import { expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { modelProposer, speculateOne } from "@winnow/decoding"
import { generate } from "@winnow/generation"
import { gptNeox } from "@winnow/model-gpt-neox"
import { loadDecoder, logitsOf, parameterCount } from "@winnow/models"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { UsageError } from "../options.ts"
import { runBench, withPeer } from "../side-by-side/fake-peer.fixture.ts"
import type { DecodeReport } from "./bench-decode.ts"
import { decodeFloor, pairReads, weightsRead } from "./floor.ts"
import { parseDecode } from "./options.ts"
import { chainsOf, exchangesOf, modelOf, textOf, writeChains, writeFlat } from "./pair.ts"

test("chains: one cycle through the vocabulary; the draft's leaves it after the requested share, and only there", () => {
  const V = 1000
  for (const agreement of [1, 0.999, 0.75, 0.001]) {
    const { target, draft } = chainsOf(V, agreement, 7)
    expect(new Set(textOf(target, V, 3)).size).toBe(V)
    expect(new Set(draft).size).toBe(V)
    const other = target.filter((next, x) => next !== draft[x]).length
    expect(other).toBe(agreement === 0.999 ? 2 : Math.round((1 - agreement) * V))
  }
})

test("the pair: the target's text is its chain, and the draft errs exactly where its chain does", async () => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-pair-"))
  const before = tf.memory().numTensors
  try {
    const V = 512
    const chains = chainsOf(V, 0.75, 1)
    const sizes = { draft: [32, 2, 1, 64], target: [64, 3, 2, 128], vocab: V, context: 128 } as const
    await writeChains(folder, sizes, chains)
    const load = (which: string) => Effect.runPromise(loadDecoder(join(folder, which), [gptNeox]))
    const [target, draft] = [await load("target"), await load("draft")]
    const text = [...textOf(chains.target, 80, 5)]
    const prompt = text.slice(0, 16)
    const alone = await generate(target, [prompt], { maxNew: 64 })
    expect([...alone.rollouts[0]!.tokens]).toEqual(text.slice(16))
    const { rollout, counts, margins } = await speculateOne(target, modelProposer(draft), prompt, {
      draftLength: 4,
      maxNew: 64,
    })
    expect([...rollout.tokens]).toEqual(text.slice(16))
    expect(Math.min(...margins)).toBeGreaterThan(0.1)
    expect(counts.rejected).toBeGreaterThan(0)
    const chosen = tf.tidy(() => tf.argMax(logitsOf(draft, tf.tensor2d([text], undefined, "int32")), 2).dataSync())
    expect([...chosen]).toEqual(text.map((x) => chains.draft[x]!))
    for (const model of [target, draft]) model.dispose()
    expect(tf.memory().numTensors).toBe(before)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test("a pair of small margins: close choices; the requested share agrees, except where layers tip a choice; texts of float32", () => {
  const args = ["--margins", "small", "--agreement", "0.75", "--precision", "float32", "--rounds", "3", "--json"]
  const sizes = ["--draft", "64,1,2,128", "--target", "128,2,2,256", "--vocab", "2048", "--new", "40"]
  const { exitCode, stdout, stderr } = runBench("decode", ...args, ...sizes)
  expect([exitCode, stderr]).toEqual([0, ""])
  const { margins, medianMargin, smallestMargin, greedyAcceptance, ours } = JSON.parse(stdout) as DecodeReport
  expect(margins).toBe("small")
  expect(medianMargin).toBeWithin(0.005, 0.2)
  expect(smallestMargin).toBeLessThan(medianMargin / 2)
  expect(greedyAcceptance).toBeWithin(0.5, 0.9)
  expect([ours.plain.identical, ours.assisted.identical]).toEqual([3, 3])
})

test("a pair of small margins shares one embedding, which the draft reads at another token for the exchanged share", async () => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-pair-"))
  try {
    const V = 512
    const sizes = { draft: [32, 1, 1, 64], target: [64, 2, 2, 128], vocab: V, context: 128 } as const
    const places = exchangesOf(V, 0.5, 1)
    await writeFlat(folder, sizes, places)
    const load = (which: string) => Effect.runPromise(loadDecoder(join(folder, which), [gptNeox]))
    const [target, draft] = [await load("target"), await load("draft")]
    const tokens = Array.from({ length: V }, (_, x) => x)
    // Each token is a text of its own, so that attention reaches no other token.
    const chosen = (model: typeof target) =>
      tf.tidy(() => tf.argMax(logitsOf(model, tf.tensor2d(tokens, [V, 1], "int32")), 2).dataSync())
    const [ofTarget, ofDraft] = [chosen(target), chosen(draft)]
    const agreed = tokens.filter((x) => ofDraft[x] === ofTarget[places[x]!]).length / V
    expect(agreed).toBeGreaterThan(0.85)
    expect(tokens.filter((x) => ofDraft[x] === ofTarget[x]).length / V).toBeWithin(0.4, 0.6)
    for (const model of [target, draft]) model.dispose()
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test("the floor counts every weight but the embedding's, once for each step", () => {
  const sizes = [16, 3, 2, 40] as const
  const model = modelOf(sizes, 50, 8, 1)
  expect(weightsRead(sizes, 50)).toBe(parameterCount(model.architecture) - 50 * 16)
  model.dispose()
  const [t, d] = [weightsRead([32, 3, 2, 40], 50), weightsRead(sizes, 50)]
  const floor = decodeFloor({ draft: d, target: t }, 4, 1e9, 3)
  expect(floor.plain.float32).toBeCloseTo(1e9 / (4 * t), 6)
  expect(floor.assisted.bfloat16).toBeCloseTo((3 * 1e9) / (2 * (t + 4 * d)), 6)
})

const tiny = ["--draft", "32,1,1,64", "--target", "64,2,2,128", "--vocab", "256", "--prompt", "4", "--new", "12"]

test("takes turns with a peer, prompt by prompt; each mode is compared with its faster peer", () =>
  withPeer(
    // bf16 is faster plain, fp32 with the draft; neither gives our tokens
    `const fast = line.startsWith("plain") === args.includes("--bf16")
     return { seconds: fast ? 1 : 2, tokens: Array(12).fill(0), targetCalls: line.startsWith("plain") ? 12 : 4 }`,
    (peer) => {
      const { exitCode, stdout, stderr } = runBench("decode", "--peer", peer, ...tiny, "--rounds", "2", "--json")
      expect([exitCode, stderr]).toEqual([0, ""])
      const { ours, peers, against, greedyAcceptance, floor, smallestMargin, medianMargin } = JSON.parse(
        stdout,
      ) as DecodeReport
      expect(ours.plain.identical).toBe(2)
      expect(ours.assisted.identical).toBe(2)
      expect(ours.plain.tokensPerCall).toBe(1)
      expect(ours.assisted.tokensPerCall).toBeGreaterThan(1)
      expect(ours.gain).toBeGreaterThan(0)
      expect(
        peers.map(({ precision, plain, assisted }) => [precision, plain.tokensPerSecond, assisted.tokensPerSecond]),
      ).toEqual([
        ["fp32", 6, 12],
        ["bf16", 12, 6],
      ])
      expect(peers[0]!.assisted.tokensPerCall).toBe(3)
      expect(peers[0]!.plain.identical).toBe(0)
      expect(peers[0]!.peakMegabytes).toBe(6) // three rounds of two modes
      expect(against!.plain).toEqual({
        name: "a peer bf16",
        speed: peers[1]!.speed.plain,
      })
      expect(against!.assisted).toEqual({
        name: "a peer fp32",
        speed: peers[0]!.speed.assisted,
      })
      for (const { environment, versions, speed } of peers) {
        expect(Object.keys(environment)).toEqual(["MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"])
        expect(versions).toEqual({ peer: "1.2" })
        for (const mode of ["plain", "assisted"] as const)
          expect(speed[mode].value).toBeWithin(speed[mode].low, speed[mode].high * (1 + 1e-9))
      }
      expect(greedyAcceptance).toBeWithin(0.3, 1.01)
      expect(smallestMargin).toBeGreaterThan(0)
      expect(medianMargin).toBeGreaterThan(0.3)
      expect(floor.plain.bfloat16).toBeCloseTo(2 * floor.plain.float32, 3)
    },
  ))

test("further precisions of ours are sides of their own, lossless each against itself", () => {
  const { exitCode, stdout } = runBench("decode", ...tiny, "--rounds", "2", "--also", "q8,float32", "--json")
  expect(exitCode).toBe(0)
  const { ours, also, peers } = JSON.parse(stdout) as DecodeReport
  expect(peers).toEqual([])
  expect(ours.lossless).toBe(2)
  expect(also!.map(({ precision, lossless }) => [precision, lossless])).toEqual([
    ["q8", 2],
    ["float32", 2],
  ])
  expect(also![0]!.name).toContain("Winnow q8")
  for (const { speed } of also!) expect(speed.plain.value).toBeGreaterThan(0)
})

test.each([
  [["--gamma", "0"], '--gamma is "0", expected a whole number of 1 or more; `bun run bench decode --help`'],
  [["--agreement", "2"], '--agreement is "2", expected a ratio above 0 and up to 1'],
  [["--small", "--new", "5000"], "make 5064 tokens, the vocabulary has 4096"],
  [["--target", "64,2,3,128"], "num_attention_heads 3 divides hidden_size 64"],
  [["--precision", "int8"], '--precision is "int8"'],
  [["--also", "q8,int8"], '--also is "q8,int8", expected some of bfloat16, float32, q8'],
  [["--shape", "qwen2.5", "--small"], "--shape fixes draft, target and vocabulary, and its margins are wide"],
  [["--margins", "none"], '--margins is "none", expected wide, small'],
])("refused: %p", (args, message) => {
  expect(() => parseDecode(args)).toThrow(UsageError)
  expect(() => parseDecode(args)).toThrow(message)
})

test("--small selects a pair; other options override its sizes", () => {
  const { draft, target, vocab } = parseDecode(["--small", "--vocab", "1000"])
  expect({ draft, target, vocab }).toEqual({ draft: [64, 2, 2, 256], target: [128, 4, 4, 512], vocab: 1000 })
})

test("--shape selects a pair of published shapes, one peer, and the weights that a step reads", () => {
  const options = parseDecode(["--shape", "qwen2.5"])
  expect(options).toMatchObject({ target: [1536, 28, 12, 8960], vocab: 151_936, peers: ["bf16"] })
  const reads = pairReads(options)
  expect([reads.draft, reads.target].map((n) => Math.round(n / 1e6))).toEqual([494, 1544])
})
