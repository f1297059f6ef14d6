/** `bench agreement`: its counts of a peer's blocks, the differences that it finds, and its refusals. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { chainsOf, textOf, writeChains } from "../decode/pair.ts"
import { UsageError } from "../options.ts"
import { runBench, withPeer } from "../side-by-side/fake-peer.fixture.ts"
import type { AgreementReport } from "./bench-agreement.ts"
import { countBlocks } from "./count.ts"
import { parseAgreement, readIds } from "./options.ts"

describe("counts of blocks", () => {
  const text = [5, 6, 7, 8, 9]

  test("tokens before the first difference are accepted, the different one is rejected, later ones are untested", () => {
    const blocks = [
      { length: 10, drafted: [5, 0, 7] },
      { length: 12, drafted: [7, 8] },
    ]
    expect(countBlocks(10, text, blocks)).toEqual({ blocks: 2, accepted: 3, rejected: 1, emitted: 5 })
  })

  test("a text may end in a block: a drafted end token is accepted, and tokens after it are untested", () => {
    expect(countBlocks(3, [4, 1], [{ length: 3, drafted: [4, 1] }])).toMatchObject({ accepted: 2, rejected: 0 })
    expect(countBlocks(3, [4], [{ length: 3, drafted: [4, 2, 2] }])).toMatchObject({ accepted: 1, rejected: 0 })
    expect(countBlocks(3, [4], [{ length: 3, drafted: [] }])).toMatchObject({ accepted: 0, rejected: 0 })
  })
})

describe("beside a peer", () => {
  const V = 256
  const chains = chainsOf(V, 0.75, 1)
  const folder = mkdtempSync(join(tmpdir(), "winnow-agreement-"))
  const prompts = [3, 9, 11].map((seed) => [...textOf(chains.target, 4, seed)])
  const args = ["--target", join(folder, "target"), "--draft", join(folder, "draft")]

  beforeAll(async () => {
    const sizes = { draft: [32, 1, 1, 64], target: [64, 2, 2, 128], vocab: V, context: 64 } as const
    await writeChains(folder, sizes, chains)
    writeFileSync(join(folder, "prompts.jsonl"), prompts.map((ids) => JSON.stringify({ ids })).join("\n"))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  /** A peer that decodes like two models whose texts are the chains, as an independent program. */
  const follow = `
    const [target, draft] = ${JSON.stringify([[...chains.target], [...chains.draft]])}
    const { gamma, ids, new: fresh } = JSON.parse(line)
    const [tokens, blocks] = [[], []]
    let targetCalls = 0
    while (tokens.length < fresh) {
      targetCalls++
      const last = tokens.at(-1) ?? ids.at(-1)
      const drafted = []
      const room = Math.min(gamma, fresh - tokens.length - 1)
      for (let at = last; drafted.length < room; ) drafted.push((at = draft[at]))
      if (gamma > 0) blocks.push({ length: ids.length + tokens.length, drafted })
      let at = last
      for (const token of drafted) if (token === target[at]) tokens.push((at = token)); else break
      tokens.push(target[at])
    }
    tokens.length = Math.min(tokens.length, fresh)`
  const bench = (peer: string, ...more: ReadonlyArray<string>) =>
    runBench("agreement", "--peer", peer, ...args, "--prompts", join(folder, "prompts.jsonl"), "--new", "20", ...more)

  test("the same tokens, calls and acceptance at every gamma: equal", () =>
    withPeer(`${follow}\nreturn { seconds: 1, tokens, targetCalls, blocks }`, (peer) => {
      const { exitCode, stdout, stderr } = bench(peer, "--gamma", "1,4", "--json")
      expect([exitCode, stderr]).toEqual([0, ""])
      const { pairs, equal, command } = JSON.parse(stdout) as AgreementReport
      expect(equal).toBe(true)
      expect(command).not.toContain(peer)
      const { lengths, prompts: files, eos } = pairs[0]!
      expect([files.count, files.tokens, eos]).toEqual([3, 12, null])
      expect(lengths.map(({ gamma }) => gamma)).toEqual([0, 1, 4])
      for (const { identical, sameCounts, ours, peer } of lengths) {
        expect([identical, sameCounts]).toEqual([3, 3])
        expect(ours).toEqual(peer)
        expect(ours.emitted).toBe(60)
      }
      expect(lengths[0]!.ours).toMatchObject({ blocks: 60, greedyAcceptance: null, tokensPerCall: 1 })
      expect(lengths[2]!.ours.greedyAcceptance!).toBeWithin(0.3, 1)
      expect(lengths[2]!.ours.tokensPerCall).toBeGreaterThan(lengths[1]!.ours.tokensPerCall)
    }))

  test("one different token or one extra call is found and reported, with exit code 1", () =>
    withPeer(
      `${follow}
      if (gamma === 2 && ids[0] === ${prompts[1]![0]}) tokens[7] = -1
      return { seconds: 1, tokens, targetCalls: gamma === 3 ? targetCalls + 1 : targetCalls, blocks }`,
      (peer) => {
        const { exitCode, stdout } = bench(peer, "--gamma", "1,2,3", "--limit", "2")
        expect(exitCode).toBe(1)
        const verdicts = stdout.split("\n").filter((line) => /of 2 .* of 2/.test(line))
        expect(verdicts.map((line) => line.trim().split(/ {2,}/).at(-1))).toEqual([
          "equal",
          "equal",
          "NOT EQUAL",
          "NOT EQUAL",
        ])
        expect(stdout).toContain("gamma 2, prompt 2: token 8 is")
      },
    ))
})

describe("refused", () => {
  const base = ["--peer", "python", "--target", "t", "--draft", "d", "--prompts", "p"]
  test.each([
    [["--target", "t"], "--peer is missing"],
    [base.slice(0, 6), "found 1 --target, 1 --draft, 0 --prompts"],
    [[...base, "--gamma", "1,0"], '--gamma is "0", expected a whole number of 1 or more'],
    [[...base, "--eos", "end"], '--eos is "end", expected a token id, or none'],
  ])("%p", (args, message) => {
    expect(() => parseAgreement(args)).toThrow(UsageError)
    expect(() => parseAgreement(args)).toThrow(message)
  })

  test("several pairs keep their order; a bad prompt is reported with its line", () => {
    const two = parseAgreement([...base, "--target", "t2", "--draft", "d2", "--prompts", "p2", "--eos", "none"])
    expect(two).toMatchObject({
      eos: null,
      gammas: [1, 4, 8],
      pairs: [{ target: "t" }, { target: "t2", prompts: "p2" }],
    })
    const folder = mkdtempSync(join(tmpdir(), "winnow-agreement-"))
    const file = join(folder, "p.jsonl")
    const read = (text: string) => {
      writeFileSync(file, text)
      return () => readIds(file)
    }
    expect(read('{"ids":[1]}\n\n{"ids":[2,3]}\n')()).toEqual([[1], [2, 3]])
    expect(read('{"ids":[1]}\n{"prompt":"a"}')).toThrow('line 2: found {"prompt":"a"}, expected {"ids": [1, 2]}')
    expect(read("")).toThrow("found no line")
    rmSync(folder, { recursive: true })
    expect(() => readIds(file)).toThrow("cannot be read")
  })
})
