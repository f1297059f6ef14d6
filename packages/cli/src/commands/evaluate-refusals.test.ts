/** Models, prompts and settings that `winnow evaluate` refuses before anything is decoded. */
import { describe, expect, test } from "bun:test"
import { cpSync, rmSync, writeFileSync } from "node:fs"
import { gptNeox } from "@winnow/model-gpt-neox"
import { initialise } from "@winnow/models"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { at, modelOf, numbers, refusal, run, saved, V, withModels, write } from "./evaluate.fixture.ts"
import type { EvaluateRequest } from "./evaluate-record.ts"

withModels()

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
