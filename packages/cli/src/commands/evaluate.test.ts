/**
 * `winnow evaluate` on two models made here: whole runs, and each refusal. The file is longer than 400 lines because
 * all tests share one target and one draft, which take longer to make than to evaluate.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Decoder } from "@winnow/core"
import { tokenizerFiles, trainBpe } from "@winnow/data"
import { generate } from "@winnow/generation"
import { gptNeox } from "@winnow/model-gpt-neox"
import { llama } from "@winnow/model-llama"
import { initialise, loadDecoder, saveModel } from "@winnow/models"
import { normals, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import type { EvaluateRequest, EvaluationRecord } from "./evaluate-record.ts"
import { evaluationReport } from "./evaluate-report.ts"
import { computeEvaluation } from "./evaluate-run.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-evaluate-"))
const at = (...parts: ReadonlyArray<string>) => join(root, ...parts)
const words = ["How many apples has Anna?", "Ben buys 3 pens for 4 dollars.", "Who is there? Nobody."]
const tokenizer = trainBpe(words, { vocabularySize: 280 })
const V = tokenizer.vocabularySize

/** Random weights, and the same with noise: a target accepts such drafts sometimes. */
const modelOf = (noise: number, shape: { vocab_size?: number; max_position_embeddings?: number } = {}): Decoder => {
  const sizes = { vocab_size: V, hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2 }
  const use = llama({ ...sizes, max_position_embeddings: 48, ...shape })
  const model = initialise(Effect.runSync(use.instance), 1)
  for (const [name, value] of model.parameters)
    tf.tidy(() => {
      const spread = normals(value.size, 0.3, seeded(2, name))
      const own = normals(value.size, noise, seeded(3, name))
      value.assign(tf.add(value, tf.add(tf.tensor(spread, value.shape), tf.tensor(own, value.shape))))
    })
  return model
}

const write = (name: string, ...lines: ReadonlyArray<unknown>): string => {
  writeFileSync(at(name), lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n"))
  return at(name)
}

const saved = async (name: string, model: Decoder, extra: Readonly<Record<string, unknown>>, words = tokenizer) => {
  mkdirSync(at(name))
  await Effect.runPromise(saveModel(model, at(name), extra))
  for (const [file, text] of Object.entries(tokenizerFiles(words))) writeFileSync(at(name, file), text)
  model.dispose()
}

/** Ids of each of the words above. */
const wordIds = await Effect.runPromise(Effect.map(tokenizer.encode(words), (all) => all.map((ids) => [...ids])))
let texts = ""
let numbers = ""

beforeAll(async () => {
  await saved("target", modelOf(0), { eos_token_id: null })
  await saved("draft", modelOf(0.02), {})
  texts = write("texts.jsonl", ...words.map((prompt) => ({ prompt, answer: "left aside" })), "")
  numbers = write("ids.jsonl", ...wordIds.map((ids) => ({ ids })))
})
afterAll(() => rmSync(root, { recursive: true }))

const request = (changes: Partial<EvaluateRequest> = {}): EvaluateRequest => ({
  ...{ target: at("target"), draft: at("draft"), prompts: texts, draftLengths: [1, 3], temperature: 0, maxNew: 12 },
  ...{ eos: [], stop: [], seed: 0, rounds: 0, timedPrompts: 32, precision: "float32", specialTokens: "text" },
  ...changes,
})
const run = (changes: Partial<EvaluateRequest> = {}): Promise<EvaluationRecord> =>
  Effect.runPromise(computeEvaluation(request(changes)))
const refusal = (changes: Partial<EvaluateRequest>): Promise<string> =>
  Effect.runPromise(Effect.flip(computeEvaluation(request(changes)))).then((error) => error.message)

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

test("the command: JSON alone on stdout, a table with its caption; progress on stderr; refusals exit with 1", () => {
  const command = (...given: ReadonlyArray<string>) => {
    const child = Bun.spawnSync(["bun", join(import.meta.dir, "../main.ts"), "evaluate", ...given])
    return { code: child.exitCode, out: child.stdout.toString(), err: child.stderr.toString() }
  }
  const winnow = (...args: ReadonlyArray<string>) =>
    command("--target", at("target"), "--draft", at("draft"), "--prompts", numbers, "--max-new", "12", ...args)
  const json = winnow("--draft-length", "2,4", "--rounds", "1", "--dataset", "fruit", "--json")
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

  const sampled = winnow("--temperature", "0.8", "--top-k", "9", "--draft-length", "0,2", "--rounds", "0")
  expect([sampled.code, sampled.out]).toEqual([
    0,
    expect.stringContaining("Sampled decoding, temperature 0.8, top-k 9"),
  ])
  expect(sampled.out).toContain("not timed (--rounds 0)")
  const file = join(at("draft"), "model.safetensors")
  const noFolder = command("--target", at("target"), "--draft", file, "--prompts", numbers)
  expect(noFolder).toEqual({
    code: 2,
    out: "",
    err: expect.stringMatching(/^error: .* is not a directory: give the folder that holds model.safetensors/),
  })
  const lookUp = command("--target", at("target"), "--proposer", "ngram", "--prompts", numbers, "--rounds", "0")
  expect([lookUp.code, lookUp.out]).toEqual([0, expect.stringContaining("Proposer: ngram")])
  const wrong = winnow("--draft-length", "2,x")
  expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining("--draft-length 2,x: expected whole numbers")])
}, 60_000)

describe("what is not refused but said", () => {
  test("a draft whose context is shorter than the texts", async () => {
    const context = Math.min(...wordIds.map((ids) => ids.length)) + 4
    await saved("short", modelOf(0.02, { max_position_embeddings: context }), {})
    const [usual, short] = [await run(), await run({ draft: at("short") })]
    expect(short.notes.join()).toContain(`3 of 3 texts pass the draft's context of ${context}`)
    expect(usual.notes.join()).not.toContain("the draft's context")
    for (const [i, { outputs, estimateAgrees, greedyAcceptance }] of short.results.entries()) {
      expect(outputs).toEqual(usual.results[i]!.outputs)
      expect(estimateAgrees).toBe(3)
      expect(greedyAcceptance).toBeNumber()
    }
  })

  test("what was left aside of either folder", async () => {
    await saved("odd-target", modelOf(0), { eos_token_id: null, mystery: 1 })
    await saved("odd-draft", modelOf(0.02), { rope_theta: 7 })
    const { notes } = await run({ target: at("odd-target"), draft: at("odd-draft") })
    expect(notes.filter((note) => note.includes('"mystery": not a setting'))).toHaveLength(1)
    expect(notes.filter((note) => note.includes("odd-draft/config.json: rope_theta 7 is left aside"))).toHaveLength(1)
  })

  test("settings of generation that transformers follows, each when it would change the texts", async () => {
    cpSync(at("target"), at("generation"), { recursive: true })
    const given = {
      ...{ repetition_penalty: 1.2, suppress_tokens: [3], num_beams: 1, min_length: 0, begin_suppress_tokens: null },
      ...{ do_sample: true, temperature: 0.6, top_p: 0.9, min_p: 0.1, eos_token_id: 5, new_key: 2 },
    }
    writeFileSync(at("generation", "generation_config.json"), JSON.stringify(given))
    const notesOf = async (changes: Partial<EvaluateRequest> = {}) =>
      (await run({ target: at("generation"), ...changes })).notes
        .filter((note) => note.includes("of the target"))
        .join("\n")
    const greedy = await notesOf()
    expect(greedy).toContain(
      "generation_config.json of the target sets repetition_penalty 1.2, suppress_tokens [3], do_sample true, which transformers' generate follows; " +
        "the texts here are of the model alone, decoded greedily.",
    )
    expect(greedy).toContain('generation_config.json of the target: "new_key" is not known here')
    const sampled = await notesOf({ temperature: 0.6, topP: 0.8 })
    expect(sampled).toContain("repetition_penalty 1.2, suppress_tokens [3], min_p 0.1, top_p 0.9, which")
    const neutral = {
      repetition_penalty: 1,
      num_beams: 1,
      suppress_tokens: [],
      do_sample: false,
      top_k: 50,
      use_cache: true,
    }
    writeFileSync(at("generation", "generation_config.json"), JSON.stringify(neutral))
    expect(await notesOf()).toBe("")
    rmSync(at("generation", "generation_config.json"))
    const config = JSON.parse(readFileSync(at("generation", "config.json"), "utf8"))
    writeFileSync(at("generation", "config.json"), JSON.stringify({ ...config, no_repeat_ngram_size: 3 }))
    expect(await notesOf()).toContain(
      "config.json of the target sets no_repeat_ngram_size 3, which transformers 4 follows",
    )
  })

  test("a file without eos_token_id, where transformers ends texts otherwise", async () => {
    cpSync(at("target"), at("endings"), { recursive: true })
    const { eos_token_id: _, ...config } = JSON.parse(readFileSync(at("target", "config.json"), "utf8"))
    const notesFor = async (end: object, generation: object | undefined, changes: Partial<EvaluateRequest> = {}) => {
      const file = at("endings", "generation_config.json")
      writeFileSync(at("endings", "config.json"), JSON.stringify({ ...config, ...end }))
      if (generation === undefined) rmSync(file, { force: true })
      else writeFileSync(file, JSON.stringify(generation))
      const { notes } = await run({ target: at("endings"), ...changes })
      return notes.filter((note) => note.includes("names no eos_token_id"))
    }
    expect(await notesFor({ eos_token_id: 3 }, { max_length: 20 })).toEqual([
      "The target's generation_config.json names no eos_token_id, so in transformers' generate no token ends a text; here id 3 does, says config.json: --eos none ends none.",
    ])
    expect(await notesFor({}, undefined)).toEqual([
      expect.stringContaining("config.json names no eos_token_id, for which transformers takes 2; here"),
    ])
    expect(await notesFor({ eos_token_id: 3 }, { eos_token_id: 3 })).toEqual([])
    expect(await notesFor({ eos_token_id: null }, { max_length: 20 })).toEqual([])
    expect(await notesFor({ eos_token_id: 3 }, undefined)).toEqual([])
    expect(await notesFor({}, undefined, { eos: ["3"] })).toEqual([])
  })

  test("an end token of -1 is none", async () => {
    cpSync(at("target"), at("endless"), { recursive: true })
    writeFileSync(at("endless", "generation_config.json"), JSON.stringify({ eos_token_id: -1 }))
    const { conditions } = await run({ target: at("endless") })
    expect(conditions).toMatchObject({ eosIds: [], eosSource: "generation_config.json" })
  })
})

describe("refused before anything is decoded", () => {
  test("weights that are not finite, or too large for float32, of either model, with the folder's name", async () => {
    for (const [name, value, says] of [
      ["nan", Number.NaN, "tensor model.norm.weight: 32 of 32 values not finite"],
      ["infinite", Number.POSITIVE_INFINITY, "tensor model.norm.weight: 32 of 32 values not finite"],
      ["huge", 3e38, "a logit after position 0 is"],
    ] as const) {
      const model = modelOf(0)
      const norm = model.parameters.get("model.norm.weight")!
      tf.tidy(() => norm.assign(tf.fill(norm.shape, value)))
      await saved(name, model, {})
      for (const side of ["target", "draft"])
        expect(await refusal({ [side]: at(name) })).toContain(`${at(name)}: ${says}`)
    }
  })

  test("numbers that float32 does not hold after one token alone, of a later prompt", async () => {
    // A layer norm turns a row with an infinite sum into NaN; the first prompt does not have the token.
    const use = gptNeox({
      ...{ vocab_size: V, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 64 },
    })
    const model = initialise(await Effect.runPromise(use.instance), 1)
    const embedding = model.parameters.get("gpt_neox.embed_in.weight")!
    const rows = embedding.dataSync().map((x, i) => (Math.floor(i / 16) === 7 ? 3e38 : x))
    tf.tidy(() => embedding.assign(tf.tensor2d(rows as Float32Array, [V, 16])))
    await saved("one-row", model, {})
    const prompts = at("one-row.jsonl")
    writeFileSync(prompts, '{"ids":[1,2]}\n{"ids":[3,7,4]}\n')
    const error = await refusal({ draft: at("one-row"), prompts })
    expect(error).toContain("the draft: a logit after 3 tokens of text 1 is NaN")
    expect(await refusal({ target: at("one-row"), prompts })).toContain("logits is NaN, expected a finite number")
    model.dispose()
  })

  const lines: Record<string, readonly [line: unknown, says: string]> = {
    "no JSON": ["How many?", "line 2: found How many?, which is not JSON; expected"],
    "neither key": [{ text: "a" }, `line 2: found {"text":"a"}; expected {"prompt": "..."} or {"ids": [1, 2]}`],
    "both keys": [{ prompt: "a", ids: [1] }, "line 2: found both prompt and ids"],
    "text that is none": [{ prompt: 3 }, "line 2: prompt must be a string (was a number)"],
    "ids that are none": [{ ids: [1, -2] }, "line 2: ids[1] must be non-negative (was -2)"],
    "no ids": [{ ids: [] }, "line 2: ids must be non-empty"],
    "an empty text": [{ prompt: "" }, "line 2: found a prompt of 0 tokens"],
    "an id outside the vocabulary": [
      { ids: [V] },
      `line 2: found id ${V}, expected ids of the vocabulary, 0 to ${V - 1}`,
    ],
    "an id that is 5 in 32 bits": [
      { ids: [4294967301] },
      "line 2: found id 4294967301, expected ids of the vocabulary",
    ],
    "too long": [
      { ids: Array(48).fill(1) },
      "line 2: found 48 tokens, expected at most 47: the target's context is 48",
    ],
  }
  for (const [name, [line, says]] of Object.entries(lines))
    test(`a line: ${name}`, async () => {
      expect(await refusal({ prompts: write("wrong.jsonl", { ids: [1] }, line) })).toContain(says)
    })

  test("all lines at once, the first eight of them; a file of none; no file", async () => {
    const many = await refusal({ prompts: write("wrong.jsonl", ...Array(11).fill("?")) })
    expect(many).toContain("line 8: ")
    expect(many).toContain("and 3 more lines")
    expect(await refusal({ prompts: write("empty.jsonl", "", "") })).toContain("found no line")
    expect(await refusal({ prompts: at("nothing.jsonl") })).toContain("cannot be read")
  })

  test("vocabularies of other sizes, with both numbers; ids that mean other tokens, with the first", async () => {
    await saved("large", modelOf(0, { vocab_size: V + 8 }), {})
    expect(await refusal({ draft: at("large") })).toContain(`vocabularies differ: target ${V}; draft ${V + 8}`)
    await saved("foreign", modelOf(0), {}, trainBpe(["zzzz zzzz qqqq"], { vocabularySize: 280 }))
    expect(await refusal({ draft: at("foreign") })).toMatch(/id \d+ is ".*" in .*target\/tokenizer.json and /)
  })

  test("text without a tokenizer; a stop string without one", async () => {
    cpSync(at("target"), at("mute"), { recursive: true })
    rmSync(at("mute", "tokenizer.json"))
    expect(await refusal({ target: at("mute") })).toContain(
      "line 1: found text, but the target's folder has no tokenizer",
    )
    expect(await refusal({ target: at("mute"), prompts: numbers, stop: ["a"] })).toContain("--stop: needs a tokenizer")
    expect((await run({ target: at("mute"), prompts: numbers })).results[0]!.texts).toBe(undefined)
  })

  const settings: Record<string, readonly [changes: Partial<EvaluateRequest>, says: string]> = {
    "a draft length": [{ draftLengths: [-1] }, "draftLengths"],
    "a temperature": [{ temperature: -1 }, "temperature must be at least 0.0001 or 0"],
    "top-k without sampling": [{ topK: 4 }, "give a temperature above 0"],
    "an end that is no id": [{ eos: ["stop"] }, "--eos stop: expected a token id or the text of a token"],
    "an end outside the vocabulary": [{ eos: ["9999"] }, `the vocabulary has ids 0 to ${V - 1}`],
    "an empty stop string": [{ stop: [""] }, "--stop: found an empty text"],
    "no model": [{ draft: "/nowhere" }, "/nowhere is not a directory"],
  }
  for (const [name, [changes, says]] of Object.entries(settings))
    test(name, async () => expect(await refusal(changes)).toContain(says))
})

describe("a proposer in the place of a draft", () => {
  const { draft: _, ...withoutDraft } = request()
  const withProposer = (proposer: string, changes: Partial<EvaluateRequest> = {}) =>
    Effect.runPromise(
      Effect.scoped(computeEvaluation({ ...withoutDraft, target: at("target"), prompts: texts, proposer, ...changes })),
    )

  test("look-up: the target's own texts, counts as a replay has them, and the record says which proposer", async () => {
    const record = await withProposer("ngram", { maxNew: 30, rounds: 1 })
    expect(record).toMatchObject({
      ...{ schema: 2, draft: null, draftKl: null, parameterRatio: 0 },
      proposer: { name: "ngram", options: { longest: 3, shortest: 1 }, parameters: 0 },
    })
    for (const result of record.results) {
      expect(result).toMatchObject({ estimateAgrees: 3, identity: { identical: 3 } })
      expect(result.mbsu).toBe(result.blockEfficiency)
      expect(result.counts.accepted).toBeGreaterThan(0)
      expect(result.estimated!.acceptance).toEqual(result.decoded.acceptance)
      expect(result.timing!.proposedPerCall).toBeLessThanOrEqual(result.draftLength)
    }
    expect(record.expectedAcceptance!.pooled).toBeWithin(0, 1)
    const report = evaluationReport(record)
    expect(report).toContain("Proposer: ngram with longest 3, shortest 1, no parameters.")
    expect(report).not.toContain("KL of the draft")
  })

  test("sampled, by options in JSON, and by the path of a module", async () => {
    const sampling = { temperature: 0.7, draftLengths: [3] }
    const { proposer, results } = await withProposer('{"name":"ngram","options":{"longest":2}}', sampling)
    expect(proposer.options).toEqual({ longest: 2, shortest: 1 })
    const module = join(import.meta.dir, "../../../../plugins/proposer-ngram/src/index.ts")
    const other = await withProposer(`{"name":${JSON.stringify(module)},"options":{"longest":2}}`, sampling)
    expect(other.results[0]!.outputs).toEqual(results[0]!.outputs)
  })

  test("from a file that lies outside of the checkout", async () => {
    const file = write(
      "last-again.ts",
      'import { defineProposer } from "@winnow/core"',
      'import { type } from "arktype"',
      'const options = type({ "+": "reject" })',
      'const propose = ({ text }) => ({ tokens: [text.at(-1)], q: "certain" })',
      "const make = () => ({ deterministic: true, begin: () => ({ propose }) })",
      'export const lastAgain = defineProposer({ name: "last-again", options, make })',
    )
    const { proposer, results } = await withProposer(file, { maxNew: 20 })
    expect(proposer).toEqual({ name: "last-again", options: {}, parameters: 0 })
    for (const result of results) expect(result).toMatchObject({ estimateAgrees: 3, identity: { identical: 3 } })
  })

  const wrong: Record<string, readonly [proposer: string, says: string]> = {
    "no such name": ["ngrams", "leads to no proposer: there are ngram; did you mean ngram?"],
    "an option that there is not": ['{"name":"ngram","options":{"n":3}}', "n must be removed"],
    "no JSON": ["{ngram}", "is no JSON"],
    "another field": ['{"name":"ngram","k":3}', "has a field k"],
    "no file": ["./nowhere.ts", "leads to no proposer"],
    "a module of another kind": [
      join(import.meta.dir, "../../../../plugins/loss-kl/src/index.ts"),
      "exports no proposer; export one made by defineProposer",
    ],
  }
  for (const [name, [proposer, says]] of Object.entries(wrong))
    test(name, async () => expect(withProposer(proposer)).rejects.toThrow(says))

  test("neither and both", async () => {
    expect(await refusal({ proposer: "ngram" })).toContain("found both --draft and --proposer")
    const neither = Effect.runPromise(
      Effect.scoped(computeEvaluation({ ...withoutDraft, target: at("target"), prompts: texts })),
    )
    await expect(neither).rejects.toThrow("found neither --draft nor --proposer")
  })
})
