/** `winnow generate`: the text against the target's own, its pieces and kinds, the report, and refusals. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { tokenizerFiles, trainBpe } from "@winnow/data"
import { generate } from "@winnow/generation"
import { llama } from "@winnow/model-llama"
import { initialise, loadDecoder, saveModel } from "@winnow/models"
import { normals, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import type { Piece } from "../text/write-text.ts"
import type { Comparison } from "./generate-compare.ts"
import { generationReport, legend } from "./generate-report.ts"
import { computeGeneration, type Generated, type GenerateRequest } from "./generate-run.ts"
import { hostedCli } from "./run-cli.fixture.ts"
import { parseTree } from "./tree-flag.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-generate-"))
const at = (...parts: ReadonlyArray<string>) => join(root, ...parts)
const words = ["How many apples has Anna?", "Ben buys 3 pens for 4 dollars.", "größer"]
const tokenizer = trainBpe(words, { vocabularySize: 280 })
const prompt = words[0]!

const saved = async (name: string, noise: number, rows = tokenizer.vocabularySize) => {
  const sizes = { vocab_size: rows, hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2 }
  const model = initialise(await Effect.runPromise(llama({ ...sizes, max_position_embeddings: 64 }).instance), 1)
  for (const [parameter, value] of model.parameters)
    tf.tidy(() => {
      const spread = normals(value.size, 0.3, seeded(2, parameter))
      const own = normals(value.size, noise, seeded(3, parameter))
      value.assign(tf.add(value, tf.add(tf.tensor(spread, value.shape), tf.tensor(own, value.shape))))
    })
  mkdirSync(at(name))
  await Effect.runPromise(saveModel(model, at(name), { eos_token_id: null }))
  for (const [file, text] of Object.entries(tokenizerFiles(tokenizer))) writeFileSync(at(name, file), text)
  model.dispose()
}
beforeAll(async () => {
  await saved("target", 0)
  await saved("draft", 0.02)
})
afterAll(() => rmSync(root, { recursive: true }))

const request = (changes: Partial<GenerateRequest> = {}): GenerateRequest => ({
  ...{ target: at("target"), draft: at("draft"), prompt, draftLength: 3, temperature: 0, maxNew: 24 },
  ...{ eos: [], seed: 0, precision: "float32", specialTokens: "text", compare: false },
  ...changes,
})
const run = async (changes: Partial<GenerateRequest> = {}) => {
  const pieces: Array<Piece> = []
  const generated = await Effect.runPromise(computeGeneration(request(changes), (piece) => pieces.push(piece)))
  return { ...generated, pieces }
}
const refusal = (changes: Partial<GenerateRequest>): Promise<string> =>
  Effect.runPromise(Effect.flip(computeGeneration(request(changes)))).then(({ message }) => message)

test("the target's own greedy text, with a draft or without; its pieces are the text; nothing is left in memory", async () => {
  const ids = await Effect.runPromise(tokenizer.encode([prompt]))
  const target = await Effect.runPromise(loadDecoder(at("target"), [llama]))
  const own = (await generate(target, ids, { maxNew: 24 })).rollouts[0]!.tokens
  target.dispose()
  const before = tf.memory().numTensors
  const { draft: _, ...alone } = request()
  for (const of of [await run(), await Effect.runPromise(computeGeneration(alone))]) {
    expect(of.tokens.map(({ id }) => id)).toEqual([...own])
    expect(of.text).toBe(tokenizer.decode(own))
    expect(of.finish).toBe("length")
    expect(of.tokensPerSecond).toBeGreaterThan(0)
  }
  const { pieces, text, tokens, counts, acceptance, tau } = await run()
  expect(pieces.map((piece) => piece.text).join("")).toBe(text)
  const count = (kind: string) => tokens.filter((token) => token.kind === kind).length
  expect(count("accepted")).toBe(counts.accepted)
  expect(count("accepted") + count("corrected")).toBe(counts.tested)
  expect(count("corrected") + count("bonus") + count("own")).toBeWithin(counts.calls - 1, counts.calls + 1)
  expect(acceptance).toBe(counts.accepted / counts.tested)
  expect(acceptance).toBeWithin(0.01, 1)
  expect(tau).toBe(24 / counts.calls)
  expect(tf.memory().numTensors).toBe(before)
})

test("a text ends with its end token, which is in the tokens and not in the text", async () => {
  const { tokens } = await run()
  const end = tokens[9]!.id
  const first = tokens.findIndex(({ id }) => id === end)
  const unused = Array.from({ length: tokenizer.vocabularySize }, (_, id) => id).find(
    (id) => !tokens.some((token) => token.id === id),
  )
  const ended = await run({ eos: [String(unused), String(end)] })
  expect(ended.tokens.map(({ id }) => id)).toEqual(tokens.slice(0, first + 1).map(({ id }) => id))
  expect(ended.finish).toBe("eos")
  expect(ended.text).toBe(tokenizer.decode(tokens.slice(0, first).map(({ id }) => id)))
  expect(ended.pieces.map(({ text }) => text).join("")).toBe(ended.text)
})

test("a text that fills the target's context says so", async () => {
  const { promptTokens, tokens, notes } = await run({ maxNew: 500 })
  expect(promptTokens + tokens.length).toBe(64)
  expect(notes).toEqual([
    `the target's context of 64 positions is full: of --max-new 500 tokens ${tokens.length} fit behind the prompt`,
  ])
  expect((await run()).notes).toEqual([])
})

test("sampled texts follow the seed; gamma may be chosen block by block", async () => {
  const text = async (seed: number, draftLength: number | "auto" = 3) =>
    (await run({ temperature: 1, seed, draftLength })).text
  expect(await text(1)).toBe(await text(1))
  expect(await text(1)).not.toBe(await text(2))
  expect((await run({ draftLength: "auto" })).text).toBe((await run()).text)
})

test("a draft is timed against the target alone, on the same text; a text too short for a clock says so", async () => {
  const { comparison, compared } = await run({ compare: true })
  expect(compared).toBe(true)
  expect(comparison).toMatchObject({ tokens: 24, rounds: 3, same: true })
  expect(comparison!.speedup).toBeGreaterThan(0)
  expect(comparison!.cost.verifying).toBeGreaterThan(0)
  const short = await run({ compare: true, maxNew: 5 })
  expect(short.comparison).toBe(null)
  expect(generationReport(short, 80)).toContain("too short to time it against the target alone")
})

test("a tree: the target's own text and the report's line; a shape is read from a flag, or refused", async () => {
  const { text } = await run()
  for (const flag of ["3x2x1", "9", '{"paths":[[0],[1],[0,0]]}']) {
    const tree = await Effect.runPromise(parseTree(flag))
    const done = await run({ tree })
    expect(done.text).toBe(text)
    const shape = { "3x2x1": "tree 3x2x1 (", "9": "tree best 9 (" }[flag] ?? "tree 3 paths ("
    expect(generationReport(done, 80).replaceAll("\n", " ")).toContain(shape)
    expect(done.counts.proposed).toBeGreaterThan(done.counts.calls)
    expect((await run({ tree, temperature: 1, seed: 3 })).tokens.length).toBe(24)
  }
  const wrong = (flag: string) => Effect.runPromise(Effect.flip(parseTree(flag))).then(({ message }) => message)
  for (const flag of ["wide", "{", "3x"]) expect(await wrong(flag)).toContain("expected levels such as 4x2x1")
  expect(await wrong("9x9x9")).toContain("at most 512 tokens (not 819)")
  const tree = await Effect.runPromise(parseTree("2x1"))
  const { draft: _, ...alone } = request({ tree })
  const refused = (of: GenerateRequest) => Effect.runPromise(Effect.flip(computeGeneration(of)))
  expect((await refused(alone)).message).toContain("give --draft")
  expect((await refused({ ...alone, proposer: "ngram" })).message).toContain("expected --draft DIR")
})

const comparison: Comparison = {
  ...{ tokens: 64, rounds: 3, tokensPerSecond: { alone: 100, withDraft: 75 }, speedup: 0.75, tau: 2.5, proposed: 3.9 },
  ...{ cost: { proposing: 2, verifying: 1.33 }, best: { draftLength: 1, speedup: 1.2 }, same: true },
}
const generated: Generated = {
  ...{
    prompt,
    promptTokens: 16,
    text: "abc",
    finish: "eos",
    temperature: 0,
    proposer: "model",
    tree: null,
    draftLength: 4,
  },
  tokens: (["accepted", "corrected", "own"] as const).map((kind, id) => ({ id, kind })),
  ...{ counts: { calls: 2, proposed: 4, accepted: 1, tested: 2 }, acceptance: 0.5, tau: 1.5 },
  ...{ seconds: { firstBlock: 0.0123, total: 0.03 }, tokensPerSecond: 56.7, compared: true, comparison, notes: [] },
}

test("the report: speed, acceptance, tau; a draft that does not pay, why, and the length that would", () => {
  const report = (changes: Partial<Comparison>) =>
    generationReport({ ...generated, comparison: { ...comparison, ...changes } }, 80)
  const text = report({})
  for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80)
  expect(text.replaceAll("\n", " ")).toBe(
    "3 tokens up to its end token: 56.7 tokens/s after the first call, which reads 16 tokens in 12 ms. " +
      "50.0 % accepted (1 of 2 tested), tau 1.50 tokens a target call (2 calls), gamma 4, greedy. " +
      "The draft is not worth it here: 0.75 times the speed of the target alone (median of 3 rounds of 64 tokens, " +
      "prompt included). Both wrote the same text. A call of the target now costs 3.33 calls of the target alone, " +
      "2.00 for proposing 3.9 tokens and 1.33 for checking them, and gives 2.50 tokens. " +
      "At these costs and this acceptance --draft-length 1 would do best: about 1.20 times the speed.",
  )
  expect(report({ best: { draftLength: 1, speedup: 0.7 } })).toContain("no draft length pays")
  expect(report({ speedup: 1.4 })).toContain("The draft is worth it here: 1.40 times")
  expect(report({ speedup: 1.4 })).not.toContain("costs")
  expect(report({ speedup: 1.01 })).toContain("makes no difference here")
  const disturbed = report({ speedup: 2.89, tau: 1 }).replaceAll("\n", " ")
  expect(disturbed).toContain("The draft cannot be judged here: 2.89 times")
  expect(disturbed).toContain("more than its 1.00 tokens a target call can give")
  expect(report({ same: false })).toContain("ANOTHER text")
  const short = { ...generated, counts: { ...generated.counts, calls: 1 } }
  expect(generationReport(short, 400)).toContain("tokens a target call (1 call), gamma 4")
  expect(legend(generated, false)).toEqual([
    "  accepted: 1",
    "  [corrected by the target]: 1",
    "  (the target's, nothing proposed): 1",
  ])
})

test("refused before anything is decoded: settings, vocabularies, a prompt without a tokenizer or without room", async () => {
  expect(await refusal({ topK: 3 })).toContain("temperature 0 samples none; give a temperature above 0")
  expect(await refusal({ prompt: "" })).toBe("--prompt: found a prompt of 0 tokens, expected at least 1")
  expect(await refusal({ prompt: prompt.repeat(20) })).toContain("expected at most 63: the target's context is 64")
  expect(await refusal({ proposer: "ngram" })).toContain("both --draft and --proposer")
  cpSync(at("target"), at("mute"), { recursive: true })
  rmSync(at("mute", "tokenizer.json"))
  expect(await refusal({ target: at("mute") })).toContain("has no tokenizer.json to encode a prompt with")
})

const hosted = hostedCli()

test("the command: the text alone on stdout, marked where asked; all else on stderr; --json alone on stdout", async () => {
  const pair = ["--target", at("target"), "--draft", at("draft"), "--prompt", prompt, "--max-new", "24"]
  const winnow = (...args: ReadonlyArray<string>) =>
    hosted(["generate", ...pair, "--draft-length", "3", ...args], { FORCE_COLOR: "" })
  const [plain, shown, json] = await Promise.all([
    winnow(),
    winnow("--show", "--no-compare"),
    winnow("--json", "--no-compare"),
  ])
  const { text, pieces } = await run()
  const marks = { accepted: ["", ""], corrected: ["[", "]"], bonus: ["{", "}"], own: ["(", ")"] }
  const marked = pieces
    .filter((piece) => piece.text !== "")
    .map((piece) => `${marks[piece.kind][0]}${piece.text}${marks[piece.kind][1]}`)
  expect([plain.code, shown.code, json.code]).toEqual([0, 0, 0])
  expect(plain.out).toBe(`${text}\n`)
  expect(plain.err).toContain("tokens/s after the first call")
  // The clock decides which of the four; on a busy machine it may be none to judge by.
  expect(plain.err).toMatch(
    /The draft (is worth it|is not worth it|makes no difference|cannot be judged) here: \d+\.\d\d times/,
  )
  expect(shown.out).toBe(`${marked.join("")}\n`)
  expect(shown.err).toContain("[corrected by the target]: ")
  expect(JSON.parse(json.out)).toMatchObject({ text, comparison: null, compared: false })
  expect(json.err).toBe("")
})
