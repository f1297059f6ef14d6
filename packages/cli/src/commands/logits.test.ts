/** The logits command against the model's own logits, and its answers to wrong input. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Family } from "@winnow/core"
import { houseRoot, loadPlugins } from "@winnow/lab"
import { llama } from "@winnow/model-llama"
import { initialise, loadDecoder, logitsOf, saveModel } from "@winnow/models"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { computeLogits } from "./logits.ts"
import { hostedCli } from "./run-cli.fixture.ts"

const dir = mkdtempSync(join(tmpdir(), "winnow-logits-"))
const hosted = hostedCli()
let expected: ArrayLike<number> = []

beforeAll(async () => {
  const use = llama({
    vocab_size: 9,
    hidden_size: 8,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    max_position_embeddings: 4,
    initializer_range: 0.5,
  })
  const model = initialise(await Effect.runPromise(use.instance), 1)
  await Effect.runPromise(saveModel(model, dir))
  const rows = [
    [1, 2, 3],
    [8, 0, 8],
  ]
  expected = tf.tidy(() => logitsOf(model, tf.tensor2d(rows, undefined, "int32")).dataSync())
  model.dispose()
})
afterAll(() => rmSync(dir, { recursive: true }))

const reason = (directory: string, ids: string): Promise<string> =>
  Effect.runPromise(Effect.flip(computeLogits(directory, ids))).then((error) => error.message)

test("shape and values are the model's, to the last bit of a float32; the model is gone afterwards", async () => {
  const before = tf.memory().numTensors
  const { shape, logits } = await Effect.runPromise(computeLogits(dir, "[[1,2,3],[8,0,8]]"))
  expect(shape).toEqual([2, 3, 9])
  expect(Float32Array.from(logits)).toEqual(Float32Array.from(expected))
  expect(tf.memory().numTensors).toBe(before)
})

const wrong: Record<string, readonly [ids: string, says: string]> = {
  "not JSON": ["[[1,", "give JSON such as [[1,2,3]]"],
  "a flat list": ["[1,2]", "must be an array"],
  "no rows": ["[]", "one row of ids or more"],
  "an empty row": ["[[]]", "one row of ids or more"],
  ragged: ["[[1,2],[3]]", "--ids: must be rows of one length"],
  "not whole": ["[[1.5]]", "must be an integer"],
  negative: ["[[-1]]", "non-negative"],
  "outside the vocabulary": ["[[1,9]]", "9 is outside the vocabulary of 9: ids are 0 to 8"],
  "too long": ["[[1,1,1,1,1]]", "5 positions, the model has 4"],
}

for (const [name, [ids, says]] of Object.entries(wrong))
  test(`ids refused: ${name}`, async () => expect(await reason(dir, ids)).toContain(says))

test("a directory that is no model", async () => {
  expect(await reason(join(dir, "nothing"), "[[1]]")).toContain("is not a directory")
})

/** A copy of the model's folder, its final norm times `factor` and its config.json with further keys. */
const copied = async (name: string, factor: number, extra: Record<string, unknown> = {}) => {
  const model = await Effect.runPromise(loadDecoder(dir, [llama]))
  const norm = model.parameters.get("model.norm.weight")!
  tf.tidy(() => norm.assign(tf.mul(norm, factor)))
  await Effect.runPromise(saveModel(model, join(dir, name), extra))
  model.dispose()
  return join(dir, name)
}

test("logits that float32 does not hold are an error with folder and position, not null", async () => {
  const huge = await copied("huge", 3e38)
  expect(await reason(huge, "[[1,2]]")).toContain(`${huge}: a logit after position 0 is`)
})

test("a weight that is not finite is named, with its folder", async () => {
  const broken = await copied("broken", Number.NaN)
  expect(await reason(broken, "[[1,2]]")).toContain(`${broken}: tensor model.norm.weight: 8 of 8 values not finite`)
})

test("notes on the folder come with the answer; the command says them on stderr, JSON alone on stdout", async () => {
  const noted = await copied("noted", 1, { my_key: 1 })
  const said = `${noted}/config.json: "my_key": not a setting of llama that is known here; without effect, a saved model keeps it`
  expect((await Effect.runPromise(computeLogits(noted, "[[1]]"))).notes).toEqual([said])
  const { out, err } = await hosted(["logits", noted, "--ids", "[[1]]", "--json"], {})
  expect(err).toContain(`note: ${said}`)
  expect(Object.keys(JSON.parse(out))).toEqual(["shape", "logits"])
})

test("a folder of a family from anywhere is read where --plugin names its file", async () => {
  const gpt2 = readFileSync(join(houseRoot, "plugins/model-gpt2/src/index.ts"), "utf8")
  const file = join(dir, "elsewhere/mine.ts")
  mkdirSync(join(dir, "elsewhere"))
  writeFileSync(file, gpt2.replaceAll('"gpt2"', '"mine"').replace("const gpt2 =", "const mine ="))
  const { plugins } = await Effect.runPromise(loadPlugins([file]))
  const family = plugins[0] as unknown as Family
  const use = family.use({ vocab_size: 9, n_embd: 8, n_layer: 1, n_head: 2, n_positions: 4 })
  const model = initialise(await Effect.runPromise(use.instance), 1)
  const folder = join(dir, "mine")
  await Effect.runPromise(saveModel(model, folder))
  const values = tf.tidy(() => logitsOf(model, tf.tensor2d([[1, 2]], undefined, "int32")).dataSync())
  model.dispose()
  expect(await reason(folder, "[[1,2]]")).toMatch(/model_type "mine" is not known here; there are \w+, .*\bgpt_neox\b/)
  const { out } = await hosted(["logits", folder, "--ids", "[[1,2]]", "--json", "--plugin", file], {})
  expect(Float32Array.from(JSON.parse(out).logits)).toEqual(Float32Array.from(values))
})
