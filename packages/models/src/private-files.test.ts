/** The files of a private part: one beside the shared part for each target. */
import { afterAll, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Decoder } from "@winnow/core"
import { llama } from "@winnow/model-llama"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { loadModel, readArchitecture } from "./families.fixture.ts"
import { saveModel } from "./files.ts"
import { furthest, gates, llamaSizes, logits, of, shared, sizes, stir } from "./private.fixture.ts"
import { loadPrivate, savePrivate } from "./private-files.ts"
import { withPrivate } from "./private-model.ts"

const folder = mkdtempSync(join(tmpdir(), "winnow-private-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const run = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromise(effect)

const lay = async (dir: string, base: Decoder) => {
  const draft = join(folder, dir)
  await run(saveModel(base, draft))
  const place = (name: string) => {
    const at = join(draft, "private", name)
    mkdirSync(at, { recursive: true })
    return at
  }
  return { draft, place }
}

test("one shared file and a private one for each target: folders open as models, and loading swaps parts", async () => {
  const before = tf.memory().numTensors
  const base = shared(llamaSizes)
  const { draft, place } = await lay("domains", base)
  const expected = new Map<string, Float32Array>()
  for (const [i, name] of ["law", "code"].entries()) {
    const own = withPrivate(base, { size: 3 + i, gate: "joint" }, 1)
    stir(own, 20 + i)
    expected.set(name, logits(own))
    await run(savePrivate(own, place(name), draft))
    own.release()
  }
  expect(readdirSync(join(draft, "private", "law")).sort()).toEqual(["config.json", "private.safetensors"])
  for (const [name, values] of expected) {
    const folderModel = await run(loadModel(join(draft, "private", name)))
    expect(furthest(logits(folderModel), values)).toBe(0)
    folderModel.dispose()
    const swapped = await run(loadPrivate(base, join(draft, "private", name)))
    expect(swapped.parameters.get("model.norm.weight")).toBe(base.parameters.get("model.norm.weight")!)
    expect(furthest(logits(swapped), values)).toBe(0)
    swapped.release()
  }
  const { parameters } = await run(readArchitecture(join(draft, "private", "code")))
  expect(parameters.has("model.layers.1.mlp.private.weigh_own")).toBe(true)
  base.dispose()
  expect(tf.memory().numTensors).toBe(before)
})

test("another shared part, a missing one, and files of other models are refused", async () => {
  const base = shared(llamaSizes)
  const { draft, place } = await lay("refused", base)
  const own = withPrivate(base, gates[0]!, 1)
  await run(savePrivate(own, place("a"), draft))
  const refusal = async (at: string) => (await run(Effect.flip(loadModel(at)))).message
  const other = shared(llamaSizes, 2)
  await run(saveModel(other, draft))
  expect(await refusal(place("a"))).toContain("has other weights than those that the private part was trained beside")
  rmSync(join(draft, "config.json"))
  rmSync(join(draft, "model.safetensors"))
  expect(await refusal(place("a"))).toContain("its shared part")
  const narrow = shared(of(llama({ ...sizes, num_key_value_heads: 1, hidden_size: 8 }).instance))
  const beside = await run(Effect.flip(loadPrivate(narrow, place("a"))))
  expect(beside.message).toContain("is of a model whose model.embed_tokens.weight is not [23,8]")
  const plain = await run(Effect.flip(savePrivate(base, place("b"), draft)))
  expect(plain.message).toContain("the model has none")
  for (const fault of [{ size: 0 }, { size: 3, gate: "top-1" }, 7]) {
    const config = JSON.parse(readFileSync(join(place("a"), "config.json"), "utf8"))
    const at = place(`fault-${JSON.stringify(fault).length}`)
    writeFileSync(join(at, "config.json"), JSON.stringify({ ...config, private_feed_forward: fault }))
    expect(await refusal(at)).toContain("private_feed_forward")
  }
  own.release()
  for (const model of [base, other, narrow]) model.dispose()
})
