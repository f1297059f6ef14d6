/** `winnow evaluate` on two models made here: whole runs, and the command. */
import { describe, expect, test } from "bun:test"
import { cpSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { tokenizerFiles } from "@winnow/data"
import { generate } from "@winnow/generation"
import { llama } from "@winnow/model-llama"
import { loadDecoder } from "@winnow/models"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { at, numbers, run, tokenizer, V, withModels, wordIds, write } from "./evaluate.fixture.ts"
import type { EvaluationRecord } from "./evaluate-record.ts"
import { evaluationReport } from "./evaluate-report.ts"
import { hostedCli, runCli } from "./run-cli.fixture.ts"

withModels()

describe("a whole run", () => {
  test("text and ids give the same; outputs are the target's own texts; nothing is left in memory", async () => {
    const before = tf.memory().numTensors
    const [byText, byIds] = [await run(), await run({ prompts: numbers, dataset: "texts.jsonl" })]
    expect(tf.memory().numTensors).toBe(before)
    expect(byText.results).toEqual(byIds.results)
    const target = await Effect.runPromise(loadDecoder(at("target"), [llama]))
    const { rollouts } = await generate(target, wordIds, { maxNew: 12 })
    target.dispose()
    for (const result of byText.results) {
      expect(result.outputs).toEqual(rollouts.map(({ tokens }) => [...tokens]))
      expect(result.texts).toEqual(rollouts.map(({ tokens }) => tokenizer.decode(tokens)))
      expect(result.identity!.identical).toBe(3)
      expect(result.speedup).toBe(null)
      expect(result.greedyAcceptance).toBeWithin(0.01, 1)
      expect(result.expectedAcceptance).toBeWithin(0.01, 1)
      expect(result.blockEfficiency).toBeWithin(1, result.draftLength + 1)
    }
    expect(byText.target).toMatchObject({ type: "llama", vocabularySize: V, context: 48 })
    expect(byText.parameterRatio).toBe(1)
    expect(byText.conditions).toMatchObject({ dataset: "texts.jsonl", promptCount: 3, eosIds: [], decoding: "greedy" })
  })

  test("who says which token ends a text: --eos, generation_config.json, config.json, the tokenizer", async () => {
    const whole = (await run()).results[0]!.outputs
    const end = whole[0]![4]!
    const cut = (text: ReadonlyArray<number>) => text.slice(0, text.includes(end) ? text.indexOf(end) + 1 : text.length)
    const ending = await run({ eos: [String(end)] })
    expect(ending.results[1]!.outputs).toEqual(whole.map(cut))
    expect(ending.results[1]!.texts![0]).toBe(tokenizer.decode(cut(whole[0]!).slice(0, -1)))
    expect(ending.conditions).toMatchObject({ eosIds: [end], eosSource: "--eos" })

    const silent = await run()
    expect(silent.conditions).toMatchObject({ eosIds: [], eosSource: "config.json" })
    expect(silent.notes[0]).toContain(`--eos ${tokenizer.eosId} stops there`)
    expect((await run({ eos: ["none"] })).notes).toEqual([])
    cpSync(at("target"), at("named"), { recursive: true })
    writeFileSync(at("named", "generation_config.json"), JSON.stringify({ eos_token_id: [end, 5] }))
    const named = await run({ target: at("named") })
    expect(named.conditions).toMatchObject({ eosIds: [end, 5], eosSource: "generation_config.json" })
    const { eos_token_id: _, ...config } = await Bun.file(at("target", "config.json")).json()
    rmSync(at("named", "generation_config.json"))
    writeFileSync(at("named", "config.json"), JSON.stringify(config))
    const usual = await run({ target: at("named") })
    expect(usual.conditions).toMatchObject({ eosIds: [tokenizer.eosId], eosSource: "tokenizer" })
  })

  test("a tokenizer with an unusual end: --eos takes its name, and config.json's end needs none", async () => {
    cpSync(at("target"), at("unusual"), { recursive: true })
    const renamed = tokenizerFiles(tokenizer)["tokenizer.json"]!.replaceAll("<|endoftext|>", "<stop>")
    writeFileSync(at("unusual", "tokenizer.json"), renamed)
    rmSync(at("unusual", "tokenizer_config.json"))
    const pair = { target: at("unusual"), draft: at("unusual") }
    expect((await run({ ...pair, eos: ["<stop>"] })).conditions).toMatchObject({ eosIds: [0], eosSource: "--eos" })
    expect((await run({ ...pair, eos: ["none"] })).conditions.eosIds).toEqual([])
    const config = await Bun.file(at("target", "config.json")).json()
    writeFileSync(at("unusual", "config.json"), JSON.stringify({ ...config, eos_token_id: 7 }))
    const named = await run(pair)
    expect(named.conditions).toMatchObject({ eosIds: [7], eosSource: "config.json" })
    expect(named.notes).toEqual([])
    // If the tokenizer has a usual end and config.json another, a note reports it.
    cpSync(at("target"), at("other-end"), { recursive: true })
    writeFileSync(at("other-end", "config.json"), JSON.stringify({ ...config, eos_token_id: 7 }))
    expect((await run({ target: at("other-end") })).notes).toEqual([
      "config.json ends a text with id 7; the tokenizer's end is <|endoftext|> (0): --eos 0 stops there.",
    ])
  })

  test("a prompt that spells a special token: text and a note, or the token where that is asked for", async () => {
    const prompts = write("special.jsonl", { prompt: "Ben <|endoftext|>" }, { prompt: "Who is there?" })
    const quiet = { prompts, eos: ["none"] }
    const says = "1 of 2 prompts spell the special token <|endoftext|>, encoded as "
    const text = await run(quiet)
    expect(text.notes).toContain(`${says}text: --special-tokens ids makes it the token.`)
    const ids = await run({ ...quiet, specialTokens: "ids" })
    expect(ids.notes).toContain(`${says}the token.`)
    expect(ids.conditions.specialTokens).toBe("ids")
    const spelled = await Effect.runPromise(tokenizer.encode(["Ben <|endoftext|>"], { specialTokens: "ids" }))
    const same = await run({ ...quiet, prompts: write("spelled.jsonl", { ids: [...spelled[0]!] }) })
    expect(ids.results[0]!.outputs[0]).toEqual(same.results[0]!.outputs[0]!)
  })

  test("a tokenizer that begins texts with a token, has dropout and fewer ids than the model has rows: notes", async () => {
    cpSync(at("target"), at("asking"), { recursive: true })
    const file = JSON.parse(tokenizerFiles(tokenizer)["tokenizer.json"]!)
    const vocab = Object.fromEntries(Object.entries(file.model.vocab).filter(([, id]) => (id as number) < 100))
    const pair = ["<|endoftext|>", 0]
    const asks = { ...file, post_processor: { type: "BertProcessing", sep: pair, cls: pair } }
    writeFileSync(
      at("asking", "tokenizer.json"),
      JSON.stringify({ ...asks, model: { ...file.model, vocab, merges: [], dropout: 0.1 } }),
    )
    const { notes, results } = await run({ target: at("asking"), draft: at("asking"), eos: ["none"] })
    const beyond = results[0]!.outputs.map((ids) => ids.filter((id) => id >= 100).length)
    const total = beyond.reduce((sum, count) => sum + count, 0)
    expect(total).toBeGreaterThan(0)
    expect(results[0]!.counts.tested).toBeGreaterThan(0)
    expect(results[0]!.outputs.every((ids) => ids.length === 12)).toBe(true)
    expect(notes).toEqual([
      expect.stringContaining("Tokenizer: tokenizer.json has a dropout of 0.1"),
      expect.stringContaining("Tokenizer: the tokenizer begins a text with <|endoftext|> (id 0)"),
      expect.stringContaining("Tokenizer: the tokenizer ends a text with <|endoftext|> (id 0)"),
      `${beyond.filter((n) => n > 0).length} of 3 texts hold ids beyond the tokenizer's 100, ${total} in all: rows of the model without a token; they are counted, and left out of \`texts\`.`,
    ])
  })

  test("--stop ends a text with the token that completes it", async () => {
    const whole = (await run()).results[0]!
    const stop = whole.texts![0]!.slice(3, 6)
    const stopped = await run({ stop: [stop] })
    expect(stopped.results.map(({ estimateAgrees }) => estimateAgrees)).toEqual([3, 3])
    expect(stopped.greedyTexts.finished.stop).toBeGreaterThan(0)
    for (const [i, text] of stopped.results[1]!.texts!.entries()) {
      expect(whole.texts![i]!.startsWith(text)).toBe(true)
      const length = stopped.results[1]!.outputs[i]!.length
      const before = tokenizer.decode(whole.outputs[i]!.slice(0, length - 1))
      expect(before.includes(stop)).toBe(false)
      expect(text.includes(stop)).toBe(whole.texts![i]!.includes(stop))
    }
    expect(stopped.results[1]!.texts![0]).toContain(stop)
  })
})

const hosted = hostedCli()

test("the command: JSON alone on stdout, a table with its caption; progress on stderr; refusals exit with 1", async () => {
  const pair = ["--target", at("target"), "--draft", at("draft"), "--prompts", numbers, "--max-new", "12"]
  const command = (...given: ReadonlyArray<string>) => hosted(["evaluate", ...given], {})
  const winnow = (...args: ReadonlyArray<string>) => command(...pair, ...args)
  const timed = ["--draft-length", "2,4", "--rounds", "1", "--dataset", "fruit"]
  const json = await runCli(["evaluate", ...pair, ...timed, "--json"], {})
  expect(json.code).toBe(0)
  expect(json.err).toContain("against the clock, gamma 4")
  const record = JSON.parse(json.out) as EvaluationRecord
  expect(record.results.map(({ draftLength }) => draftLength)).toEqual([2, 4])
  for (const result of record.results) {
    for (const key of ["greedyAcceptance", "expectedAcceptance", "blockEfficiency", "mbsu", "speedup"] as const)
      expect(result[key]).toBeNumber()
    expect(result.timing!.rounds).toBe(1)
    expect(result.decoded.byPosition.length).toBe(result.draftLength)
  }
  const report = evaluationReport(record)
  for (const said of ["Greedy decoding, temperature 0, gamma = 2, 4, fruit, 3 prompts", "tested tokens", "95 %"])
    expect(report).toContain(said)
  expect(report).toMatch(/^gamma +greedy % +tau +MBSU +speed-up +tested +blocks$/m)
  expect(report).toMatch(/^2 +[\d.]+ ± [\d.?]+ +[\d.]+ ± /m)
  for (const line of report.split("\n")) expect(line.length).toBeLessThanOrEqual(80)

  const sampled = await winnow("--temperature", "0.8", "--top-k", "9", "--draft-length", "0,2", "--rounds", "0")
  expect([sampled.code, sampled.out]).toEqual([
    0,
    expect.stringContaining("Sampled decoding, temperature 0.8, top-k 9"),
  ])
  expect(sampled.out).toContain("not timed (--rounds 0)")
  const file = join(at("draft"), "model.safetensors")
  const noFolder = await command("--target", at("target"), "--draft", file, "--prompts", numbers)
  expect(noFolder).toEqual({
    code: 2,
    out: "",
    err: expect.stringMatching(/^error: .* is not a directory: give the folder that holds model.safetensors/),
  })
  const lookUp = await command("--target", at("target"), "--proposer", "ngram", "--prompts", numbers, "--rounds", "0")
  expect([lookUp.code, lookUp.out]).toEqual([0, expect.stringContaining("Proposer: ngram")])
  const wrong = await winnow("--draft-length", "2,x")
  expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining("--draft-length 2,x: expected whole numbers")])
})
