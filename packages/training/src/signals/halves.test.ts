/** A frozen target in the bfloat16 of its file: its cache is that of the same numbers in float32, and it stays as it is. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Decoder } from "@winnow/core"
import { llama } from "@winnow/model-llama"
import { copyModel, copyModelFolder, initialise, loadDecoder, type NativeParameters, saveModel } from "@winnow/models"
import { type Halves, native, nativeDecodingInUse, openEngine, tf } from "@winnow/tensor"
import { Effect } from "effect"
import { tinyExamples, V } from "./fixture.ts"
import type { CachedForm } from "./forms.ts"
import { makeTargetSignals } from "./make.ts"
import { openSignals } from "./read.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-signals-halves-"))
afterAll(() => rmSync(root, { recursive: true }))
const run = Effect.runPromise
const identity = { weights: "a", code: "b" }
const examples = tinyExamples(9)

beforeAll(async () => {
  await openEngine()
  const sizes = { vocab_size: V, hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 64 }
  const use = llama({ ...sizes, max_position_embeddings: 32, tie_word_embeddings: true, initializer_range: 0.4 })
  const model = initialise(await run(use.instance), 1)
  await run(saveModel(model, join(root, "wide")))
  model.dispose()
  await run(copyModelFolder(join(root, "wide"), join(root, "half"), { dtype: "bfloat16", config: {} }))
})

/** A model that passes over its halves whatever its size; by itself only a large one does. */
const overHalves = ({ architecture, parameters, trained, decoding, dispose }: Decoder): Decoder => {
  const { frozen } = parameters as NativeParameters
  return {
    ...{ architecture, parameters, trained, decoding, dispose },
    head_Vd: undefined as never, // a request for the variable fails
    frozenHead_Vd: frozen.get(architecture.head) as Halves,
    hidden: (ids_BT, start_BT) => architecture.hidden(frozen, ids_BT, undefined, start_BT),
  }
}

/** The bytes of a cache, in the order of the tokens, and its table. */
const cacheOf = async (target: Decoder, form: CachedForm, name: string) => {
  const directory = join(root, name)
  await run(makeTargetSignals({ identity, examples, chunkRows: 7, batchTokens: 40, directory, target, form }))
  const signals = openSignals(directory, identity, examples)
  const rows = signals.header.pieces.map(({ file }) => Bun.file(join(directory, file)).bytes())
  return { rows: Buffer.concat(await Promise.all(rows)), table: signals.table() }
}

const use = () => [tf.memory().numTensors, nativeDecodingInUse().count, nativeDecodingInUse().bytes]

test.skipIf(native() === undefined)(
  "top k, tail and hidden states, with no half widened (skipped: no native library)",
  async () => {
    const before = use()
    const half = await run(loadDecoder(join(root, "half"), [llama]))
    const second = await run(loadDecoder(join(root, "half"), [llama]))
    const wide = copyModel(second) // asks for every variable
    second.dispose()
    const { halfBytes } = half.parameters as NativeParameters
    expect(halfBytes).toBe(
      2 * half.architecture.parameters.values().reduce((sum, { shape: [n = 1, k = 0] }) => sum + n * k, 0),
    )
    const [mine, theirs] = [overHalves(half), wide]
    const hidden = await Promise.all([cacheOf(mine, "hidden", "hidden-half"), cacheOf(theirs, "hidden", "hidden-wide")])
    expect(hidden[0]).toEqual(hidden[1]!)
    const k = 5
    const [a, b] = await Promise.all(
      [mine, theirs].map(async (target, i) => {
        const { rows } = await cacheOf(target, { topK: k }, `top-${i}`)
        return { ids: new Int32Array(rows.buffer, rows.byteOffset, rows.length / 4), numbers: rows }
      }),
    )
    const numbers = [a, b].map(
      (each) => new Float32Array(each!.numbers.buffer, each!.numbers.byteOffset, each!.ids.length),
    )
    for (let word = 0; word < a!.ids.length; word++) {
      const isId = word % (2 * k + 1) < k
      if (isId) expect(a!.ids[word]).toBe(b!.ids[word]!)
      else expect(Math.abs(numbers[0]![word]! - numbers[1]![word]!)).toBeLessThan(1e-5)
    }
    expect((half.parameters as NativeParameters).halfBytes).toBe(halfBytes)
    half.dispose()
    wide.dispose()
    expect(use()).toEqual(before)
  },
)
