/** `bench precision` on a small random pair: float32 is exact, every precision lossless against itself. */
import { expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { llama } from "@winnow/model-llama"
import { initialise, loadDecoder, saveModel } from "@winnow/models"
import { native, openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import { UsageError } from "../options.ts"
import { precisionLines } from "./bench-precision.ts"
import { parsePrecision } from "./options.ts"
import { logitError, runPrecision } from "./run-precision.ts"

await openEngine()

test("the error of logits: its size, the choice, the divergence", () => {
  const exact = [Float32Array.of(0, 1, 2), Float32Array.of(3, 0, 0)]
  expect(logitError("q8", exact, exact)).toEqual({
    ...{ precision: "q8", positions: 2, error: 0, agreement: 1, medianKl: 0, meanKl: 0 },
  })
  const moved = logitError("q8", [Float32Array.of(0, 2, 1), exact[1]!], exact)
  expect(moved.agreement).toBe(0.5)
  expect(moved.error).toBeCloseTo(Math.sqrt(2 / 8), 6) // around the means 1 and 1: 2 and 6
  const p = [0, 1, 2].map((x) => Math.exp(x) / (1 + Math.E + Math.E ** 2))
  expect(moved.meanKl).toBeCloseTo((p[2]! - p[1]!) / 2, 6)
})

test.skipIf(native() === undefined)("a pair in every precision", async () => {
  const root = mkdtempSync(join(tmpdir(), "winnow-precision-"))
  try {
    const sizes = { vocab_size: 300, num_attention_heads: 2, max_position_embeddings: 64, num_hidden_layers: 1 }
    for (const [seed, name] of (["target", "draft"] as const).entries()) {
      const use = llama({ ...sizes, hidden_size: 64 - 32 * seed, intermediate_size: 96 })
      const model = initialise(await Effect.runPromise(use.instance), seed)
      await Effect.runPromise(saveModel(model, join(root, name)))
      model.dispose()
    }
    const result = await runPrecision(
      (which, precision) => Effect.runPromise(loadDecoder(join(root, which), [llama], { precision })),
      [[1, 2, 3], [7]],
      { gamma: 3, maxNew: 12 },
    )
    expect(result.logits.map(({ precision, positions }) => [precision, positions])).toEqual([
      ["bfloat16", 24],
      ["q8", 24],
    ])
    expect(result.pairs.map(({ lossless }) => lossless)).toEqual(Array(9).fill(2))
    expect(result.pairs[0]!.asFloat32).toBe(2)
    expect(precisionLines(result)).toHaveLength(12)
  } finally {
    rmSync(root, { recursive: true })
  }
})

test("arguments are read, or refused", () => {
  expect(() => parsePrecision(["--gamma", "0"])).toThrow(UsageError)
})
