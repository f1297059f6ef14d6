/** Logits, loss and gradients are those of `transformers`: on formula-made weights for everybody, on real files where there are any. */
import { expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Decoder, Encoder } from "@winnow/core"
import { tf, withoutNative } from "@winnow/tensor"
import { Effect } from "effect"
import golden from "../fixtures/golden.json"
import { startDecoding } from "./decoding.ts"
import { architectureFromConfig, loadDecoder } from "./families.fixture.ts"
import { saveModel } from "./files.ts"
import { logitsOf, makeModel, ownVariable } from "./model.ts"

/** The weights of fixtures/make_golden.py. */
const formula = (name: string, n: number): Float32Array => {
  const phase = [...name].reduce((sum, c) => sum + c.charCodeAt(0), 0)
  const base = name.includes("norm") && name.endsWith("weight") ? 1 : 0
  return Float32Array.from({ length: n }, (_, i) => base + 0.3 * Math.sin(0.37 * phase + 1.3 * i))
}

const formulaModel = (config: unknown): Encoder => {
  const architecture = architectureFromConfig(config)
  return makeModel(
    architecture,
    new Map(
      [...architecture.parameters].map(([name, { shape }]) => [
        name,
        ownVariable(() =>
          tf.tensor(
            formula(
              name,
              shape.reduce((a, b) => a * b, 1),
            ),
            [...shape],
          ),
        ),
      ]),
    ),
  )
}

/** Mean over all positions but the last of -log softmax at the next token. */
const nextTokenLoss = (model: Encoder, ids: ReadonlyArray<ReadonlyArray<number>>): tf.Scalar => {
  const V = model.architecture.vocabularySize
  const T = ids[0]!.length
  const logP = tf.reshape(
    tf.logSoftmax(logitsOf(model, tf.tensor2d(ids as Array<Array<number>>, undefined, "int32"))),
    [ids.length, T, V],
  )
  const next = ids.map((row) => row.slice(1))
  const picked = tf.mul(
    tf.slice(logP, [0, 0, 0], [ids.length, T - 1, V]),
    tf.oneHot(tf.tensor2d(next, undefined, "int32"), V),
  )
  return tf.div(tf.neg(tf.sum(picked)), ids.length * (T - 1))
}

const expectClose = (found: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number) => {
  expect(found.length).toBe(expected.length)
  let worst = 0
  for (let i = 0; i < expected.length; i++) worst = Math.max(worst, Math.abs(found[i]! - expected[i]!))
  expect(worst).toBeLessThan(tolerance)
}

for (const [name, { config, ids, logits, loss, gradients }] of Object.entries(golden.cases)) {
  test(`${name}: logits`, () => {
    const before = tf.memory().numTensors
    const model = formulaModel(config)
    const found = tf.tidy(() => logitsOf(model, tf.tensor2d(ids, undefined, "int32")).dataSync())
    expectClose(found, logits, 1e-5)
    model.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })

  test(`${name}: loss and the gradient of every parameter`, () => {
    const before = tf.memory().numTensors
    const model = formulaModel(config)
    const byName = new Map([...model.parameters].map(([key, variable]) => [variable.name, key]))
    const found = tf.variableGrads(() => nextTokenLoss(model, ids))
    expect(found.value.dataSync()[0]).toBeCloseTo(loss, 5)
    expect(Object.keys(found.grads).length).toBe(Object.keys(gradients).length)
    for (const [variable, gradient] of Object.entries(found.grads)) {
      const g = gradient.dataSync() as Float32Array
      const norm = Math.hypot(...g)
      const mixed = g.reduce((sum, x, i) => sum + x * Math.cos(0.7 * i), 0)
      const expected = (gradients as unknown as Record<string, Array<number>>)[byName.get(variable)!]!
      expectClose([g[0]!, g.at(-1)!, norm, mixed], expected, 2e-5 * Math.max(1, expected[2]!))
    }
    tf.dispose([found.value, ...Object.values(found.grads)])
    model.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })
}

const fixtures = process.env["WINNOW_FIXTURES"]
const skipped = fixtures === undefined ? " (skipped: WINNOW_FIXTURES is not set)" : ""

/** Token after token by the largest logit, over a cache. */
const greedy = (model: Decoder, prompts: ReadonlyArray<ReadonlyArray<number>>, length: number) => {
  const decoding = startDecoding(model.architecture, model.parameters)
  let rows = prompts
  let next = prompts
  while (rows[0]!.length < length) {
    const V = model.architecture.vocabularySize
    const chosen = tf.tidy(() => {
      const h_BTd = decoding.extend(tf.tensor2d(next as Array<Array<number>>, undefined, "int32"))
      const [B, T, d] = h_BTd.shape
      const last_Bd = tf.reshape(tf.slice(h_BTd, [0, T - 1, 0], [B, 1, d]), [B, d])
      const logits_BV = tf.matMul(last_Bd, model.head_Vd as unknown as tf.Tensor2D, false, true)
      expect(logits_BV.shape).toEqual([B, V])
      return [...tf.argMax(logits_BV, 1).dataSync()]
    })
    next = chosen.map((id) => [id])
    rows = rows.map((row, b) => [...row, chosen[b]!])
  }
  decoding.dispose()
  return rows
}

for (const family of ["codegen", "gpt_neox", "llama", "gpt2", "phi", "qwen2"])
  test.skipIf(fixtures === undefined)(
    `${family} of WINNOW_FIXTURES: hidden states, logits, greedy texts, and a saved copy${skipped}`,
    async () => {
      const dir = join(fixtures!, "models", family)
      const { input_ids, logits, last_hidden_state, greedy_prompt, greedy_ids } = await Bun.file(
        join(dir, "golden.json"),
      ).json()
      const copy = mkdtempSync(join(tmpdir(), "winnow-golden-"))
      const model = await Effect.runPromise(loadDecoder(dir))
      expect(model.architecture.notes).toBeUndefined()
      await Effect.runPromise(saveModel(model, copy))
      const saved = await Effect.runPromise(loadDecoder(copy))
      rmSync(copy, { recursive: true })
      for (const of of [model, saved]) {
        const ids = tf.tensor2d(input_ids, undefined, "int32")
        // without the column for a bias of the head
        const shape: [number, number, number] = [...ids.shape, last_hidden_state.flat(2).length / ids.size]
        const [hidden, found] = tf.tidy(
          () => [tf.slice(of.hidden(ids), [0, 0, 0], shape).dataSync(), logitsOf(of, ids).dataSync()] as const,
        )
        ids.dispose()
        expectClose(hidden, last_hidden_state.flat(2), 1e-4)
        expectClose(found, logits, 1e-4)
        for (const decode of [greedy, (...given: Parameters<typeof greedy>) => withoutNative(() => greedy(...given))])
          expect(decode(of, greedy_prompt, greedy_ids[0].length)).toEqual(greedy_ids)
        of.dispose()
      }
    },
  )
