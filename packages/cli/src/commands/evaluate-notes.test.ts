/** Notes of `winnow evaluate` on models and prompts that it does not refuse. */
import { describe, expect, test } from "bun:test"
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { at, modelOf, run, saved, withModels, wordIds } from "./evaluate.fixture.ts"
import type { EvaluateRequest } from "./evaluate-record.ts"

withModels()

describe("notes report input that is accepted with a doubt", () => {
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

  test("notes report unused parts of either folder", async () => {
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
