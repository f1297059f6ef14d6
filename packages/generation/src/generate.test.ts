import { describe, expect, test } from "bun:test"
import type { Decoder, Sampling, StatePart } from "@winnow/core"
import { speculate } from "@winnow/decoding"
import { llama } from "@winnow/model-llama"
import { initialise } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { native, nativeDecodingInUse, tf } from "@winnow/tensor"
import { randomPrompts, type TableModel, tableModel } from "@winnow/testing"
import { Effect } from "effect"
import { GenerateSession, generate } from "./generate.ts"
import { adjusted, argmax, draw } from "./sampling.ts"

/** Generation by its definition: one sequence, one token after another, without cache or batch. */
const byDefinition = (
  model: TableModel,
  prompt: ArrayLike<number>,
  {
    maxNew,
    eosId,
    sampling,
    seed,
    index,
  }: { maxNew: number; eosId?: number; sampling: Sampling; seed: number; index: number },
) => {
  const rng = seeded(seed, "generate", index)
  const ids = Array.from(prompt)
  const tokens: Array<number> = []
  while (tokens.length < maxNew && tokens.at(-1) !== (eosId ?? -1)) {
    const logits = model.logitsAfter([...ids, ...tokens])
    tokens.push(sampling.temperature === 0 ? argmax(logits) : draw(adjusted(logits, sampling), rng.uniform()))
  }
  return tokens
}

describe("generate", () => {
  const model = tableModel({ V: 11, states: 64, seed: 1 })
  const prompts = randomPrompts(37, 11, 9, 2)

  for (const sampling of [{ temperature: 0 }, { temperature: 1.3 }, { temperature: 0.8, topK: 4, topP: 0.9 }])
    test(`gives the tokens of the definition at any batch size: ${JSON.stringify(sampling)}`, async () => {
      const before = tf.memory().numTensors
      for (const batchSize of [1, 3, 8, 64]) {
        const options = { ...sampling, maxNew: 24, eosId: 5, seed: 7, batchSize }
        const { rollouts, stats } = await generate(model, prompts, options)
        for (const [index, { prompt, tokens, finish, limit }] of rollouts.entries()) {
          expect([...prompt]).toEqual([...prompts[index]!])
          expect([...tokens]).toEqual(byDefinition(model, prompt, { maxNew: 24, eosId: 5, sampling, seed: 7, index }))
          expect(finish).toBe(tokens.at(-1) === 5 ? "eos" : "length")
          expect(limit).toBe(24)
        }
        expect(stats.finished).toBe(37)
        expect(stats.tokens).toBe(rollouts.reduce((n, r) => n + r.tokens.length, 0))
      }
      expect(tf.memory().numTensors).toBe(before)
    })

  test("both kinds of end occur, so that the test above covers them", async () => {
    const { rollouts } = await generate(model, prompts, { maxNew: 24, eosId: 5, temperature: 1.3, seed: 7 })
    expect(new Set(rollouts.map((r) => r.finish))).toEqual(new Set(["eos", "length"]))
  })

  test("portions give the same draws as the whole", async () => {
    const options = { maxNew: 10, temperature: 1, seed: 3 }
    const whole = await generate(model, prompts, options)
    const rest = await generate(model, prompts.slice(20), { ...options, firstIndex: 20 })
    expect(rest.rollouts).toEqual(whole.rollouts.slice(20))
  })

  test("a stop rule ends a sequence with the token that completes it", async () => {
    const options = { maxNew: 30, temperature: 1, seed: 4 }
    const stop = (tokens: ReadonlyArray<number>) => tokens.at(-2) === 3 && tokens.at(-1)! > 4
    const free = await generate(model, prompts, options)
    const { rollouts } = await generate(model, prompts, options, { stop })
    for (const [i, { tokens, finish }] of rollouts.entries()) {
      const all = [...free.rollouts[i]!.tokens]
      const at = all.findIndex((t, j) => all[j - 1] === 3 && t > 4)
      expect([...tokens]).toEqual(at < 0 ? all : all.slice(0, at + 1))
      expect(finish).toBe(at < 0 ? "length" : "stop")
    }
    expect(rollouts.some((r) => r.finish === "stop")).toBe(true)
  })

  test("the model's context limits a text's length", async () => {
    const short = tableModel({ V: 4, states: 8, seed: 1, maxLength: 12 })
    const { rollouts } = await generate(short, [[1], [1, 2, 3, 0, 1, 2, 3]], { maxNew: 8 })
    expect(rollouts.map((r) => r.tokens.length)).toEqual([8, 5])
    await expect(generate(short, [new Int32Array(12)], { maxNew: 1 })).rejects.toThrow("context is 12")
    await expect(generate(short, [[]], { maxNew: 1 })).rejects.toThrow("0 tokens")
    short.dispose()
  })

  test("a row that has filled the context ends, and the longer rows of its batch continue", async () => {
    const use = llama({
      ...{ vocab_size: 11, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 16 },
      ...{ max_position_embeddings: 16, initializer_range: 0.5 },
    })
    const real = initialise(await Effect.runPromise(use.instance), 3)
    const mixed = [12, 1, 2, 3, 9, 4].map((length, i) => Int32Array.from({ length }, (_, t) => (3 * t + i) % 11))
    for (const sampling of [{ temperature: 0 }, { temperature: 1 }]) {
      const options = { ...sampling, maxNew: 14, seed: 5 }
      const { rollouts } = await generate(real, mixed, options)
      expect(rollouts.map(({ tokens }) => tokens.length)).toEqual([4, 14, 14, 13, 7, 12])
      for (const [firstIndex, prompt] of mixed.entries()) {
        const alone = await generate(real, [prompt], { ...options, firstIndex })
        expect(alone.rollouts).toEqual([rollouts[firstIndex]!])
      }
    }
    real.dispose()
  })

  test("states that run together are as many as the batch, read no token twice and leave none alive", async () => {
    const use = llama({
      ...{ vocab_size: 11, hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 16 },
      ...{ max_position_embeddings: 48, initializer_range: 0.5 },
    })
    const real = initialise(await Effect.runPromise(use.instance), 3)
    const used = nativeDecodingInUse()
    for (const sampling of [{ temperature: 0 }, { temperature: 1 }, { temperature: 1, topK: 4 }]) {
      let [states, read] = [0, 0]
      const counted: Decoder = {
        ...real,
        decoding: (...of) => {
          const decoding = real.decoding(...of)
          const together = decoding.quick?.together
          if (together === undefined) return decoding
          const count = (parts: ReadonlyArray<StatePart>) => {
            for (const { ids } of parts) read += ids.length
          }
          states++
          const counting = {
            greedy: (parts: ReadonlyArray<StatePart>, margins: boolean) => {
              count(parts)
              return together.greedy(parts, margins)
            },
            logits: (parts: ReadonlyArray<StatePart>) => {
              count(parts)
              return together.logits(parts)
            },
          }
          Object.assign(decoding.quick!, { together: counting })
          return decoding
        },
      }
      const options = { ...sampling, maxNew: 30, eosId: 5, seed: 7 }
      const { rollouts, stats } = await generate(counted, prompts, { ...options, batchSize: 8 })
      if (native() !== undefined) {
        expect(states).toBe(8)
        // of each text all tokens but the last
        expect(read).toBe(prompts.reduce((n, { length }) => n + length - 1, stats.tokens))
      }
      expect(new Set(rollouts.map(({ finish }) => finish)).size).toBeGreaterThan(1)
      for (const [firstIndex, prompt] of prompts.entries()) {
        const alone = await generate(real, [prompt], { ...options, firstIndex })
        expect(alone.rollouts).toEqual([rollouts[firstIndex]!])
      }
      expect((await generate(counted, prompts.slice(0, 3), { ...options, batchSize: 8 })).rollouts).toEqual(
        rollouts.slice(0, 3),
      )
      if (native() !== undefined) expect(states).toBe(8 + 3)
    }
    expect(nativeDecodingInUse()).toEqual(used)
    real.dispose()
  })

  test("waiting prompts take the place of rows that ended", async () => {
    const session = new GenerateSession(model, randomPrompts(64, 11, 4, 5), {
      maxNew: 200,
      eosId: 5,
      batchSize: 8,
      temperature: 1,
    })
    while (session.step());
    session.dispose()
    const { tokens, calls } = session.stats
    expect(tokens / calls).toBeGreaterThan(4) // more than half of the 8 rows at work on average
  })

  test("no prompts, unknown options, abort, progress", async () => {
    expect((await generate(model, [], { maxNew: 3 })).rollouts).toEqual([])
    await expect(generate(model, prompts, { maxNew: 3, temprature: 1 } as never)).rejects.toThrow(
      "temprature must be removed",
    )
    await expect(generate(model, prompts, { maxNew: 0 })).rejects.toThrow("maxNew")
    const before = tf.memory().numTensors
    const seen: Array<number> = []
    const controller = new AbortController()
    const run = generate(
      model,
      prompts,
      { maxNew: 50 },
      {
        signal: controller.signal,
        onProgress: ({ calls }) => {
          seen.push(calls)
          if (calls === 4) controller.abort(new Error("enough"))
        },
      },
    )
    await expect(run).rejects.toThrow("enough")
    expect(seen).toEqual([1, 2, 3, 4])
    expect(tf.memory().numTensors).toBe(before)
  })
})

describe("ids of prompts", () => {
  const model = tableModel({ V: 11, states: 64, seed: 1 })
  for (const [what, id] of [
    ["beyond 32 bits", 4294967301],
    ["outside the vocabulary", 11],
    ["negative", -1],
    ["a fraction", 1.5],
    ["no number", Number.NaN],
  ] as const)
    test(`${what} are refused before conversion to integers`, async () => {
      const prompts = [
        [1, 2],
        [3, id],
      ]
      const message = /prompt 1: id .* at 1; expected integers of the vocabulary, 0 to 10/
      await expect(generate(model, prompts, { temperature: 0, maxNew: 2 })).rejects.toThrow(message)
      const options = { draftLength: 0, temperature: 0, maxNew: 2 } as const
      await expect(speculate(model, undefined, prompts, options)).rejects.toThrow(message)
    })

  test("a seed that a double cannot hold exactly is refused", async () => {
    await expect(generate(model, [[1]], { temperature: 1, maxNew: 1, seed: 2 ** 53 })).rejects.toThrow(/seed must be/)
  })
})
