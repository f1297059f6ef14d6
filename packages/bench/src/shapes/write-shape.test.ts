/** Folders of shapes: a chain is followed; the same seed gives the same weights; the step takes its models from them. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { generate } from "@winnow/generation"
import { qwen2 } from "@winnow/model-qwen2"
import { loadDecoder, parameterCount } from "@winnow/models"
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import { chainsOf, textOf } from "../decode/pair.ts"
import { modelUseOf } from "./shapes.ts"
import { writeShape } from "./write-shape.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-shapes-"))
afterAll(() => rmSync(root, { recursive: true }))
beforeAll(() => openEngine())

const V = 512
const sizes = { vocab_size: V, hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2 }
const architectureOf = (tied: boolean, width = 64) =>
  Effect.runSync(
    qwen2({
      ...sizes,
      hidden_size: width,
      intermediate_size: 96,
      tie_word_embeddings: tied,
      max_position_embeddings: 64,
    }).instance,
  )
const bytesOf = (folder: string) => readFileSync(join(folder, "model.safetensors"))

test("a model with a head of its own follows its chain", async () => {
  const { target: next } = chainsOf(V, 1, 3)
  const folder = join(root, "chain")
  writeShape(folder, architectureOf(false), { seed: 1, next })
  const model = await Effect.runPromise(loadDecoder(folder, [qwen2]))
  const text = [...textOf(next, 40, 5)]
  const { rollouts } = await generate(model, [text.slice(0, 8)], { maxNew: 32 })
  expect([...rollouts[0]!.tokens]).toEqual(text.slice(8))
  model.dispose()
})

test("weights follow from the seed", () => {
  const [a, b, c] = ["a", "b", "c"].map((name) => join(root, name)) as [string, string, string]
  for (const [folder, seed] of [
    [a, 1],
    [b, 1],
    [c, 2],
  ] as const)
    writeShape(folder, architectureOf(true), { seed })
  expect(bytesOf(a)).toEqual(bytesOf(b))
  expect(bytesOf(a)).not.toEqual(bytesOf(c))
})

test("the published shapes have their published numbers of parameters", () => {
  const millions = (name: Parameters<typeof modelUseOf>[0]) =>
    Math.round(parameterCount(Effect.runSync(modelUseOf(name).instance)) / 1e6)
  expect([millions("qwen2.5-0.5b"), millions("qwen2.5-1.5b")]).toEqual([494, 1544])
})

test("the step's models come from folders: the draft fresh, the frozen ones as they are", async () => {
  const [draft, target] = [join(root, "draft"), join(root, "target")]
  writeShape(draft, architectureOf(true), { seed: 1 })
  writeShape(target, architectureOf(true, 96), { seed: 2 })
  const flags = { draft: "0,0,0,0", target: "0,0,0,0", vocab: V, batch: 2, length: 16, keep: 0.5, threads: 1 }
  const args = Object.entries({ ...flags, "draft-folder": draft, "target-folder": target, precision: "float32" })
  const worker = Bun.spawn(
    [process.execPath, join(import.meta.dir, "../step/worker.ts"), ...args.flatMap(([n, v]) => [`--${n}`, String(v)])],
    { stdin: new Blob(["step\nstep\n"]), stdout: "pipe", stderr: "pipe" },
  )
  const [out, code] = [await new Response(worker.stdout).text(), await worker.exited]
  expect(code, await new Response(worker.stderr).text()).toBe(0)
  const [ready, first, second, end] = out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
  expect(ready.ready).toContain("signals live")
  for (const { loss } of [first, second]) expect(loss).toBeGreaterThan(0)
  expect(end.peakMegabytes).toBeGreaterThan(0)
})
