/**
 * Encoders and decoders as folders for pairs_side.py: each random configuration as an encoder, as the decoder that it is
 * turned into, and as that decoder turned back, with logits beside each.
 *
 *   bun packages/lab/interop/pairs.ts DIR && python packages/lab/interop/pairs_side.py DIR [record.json]
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Encoder } from "@winnow/core"
import { initialise, logitsOf, saveModel, turnedModel } from "@winnow/models"
import { openEngine, tf } from "@winnow/tensor"
import { gunzipSync } from "bun"
import { Effect } from "effect"
import { houseFamilies } from "../src/index.ts"

interface Case {
  readonly config: Readonly<Record<string, unknown>>
  readonly rows: ReadonlyArray<Array<number>>
}

const [to] = Bun.argv.slice(2)
if (to === undefined) throw new Error("found no folder; give one: pairs.ts DIR")
await openEngine()
const file = join(import.meta.dir, "../../../plugins/model-modernbert/golden.json.gz")
const { cases } = JSON.parse(new TextDecoder().decode(gunzipSync(readFileSync(file)))) as {
  readonly cases: ReadonlyArray<Case>
}
const save = async (model: Encoder, name: string, ids: Array<number>) => {
  const dir = join(to, name)
  mkdirSync(dir, { recursive: true })
  await Effect.runPromise(saveModel(model, dir))
  const logits = tf.tidy(() => [...logitsOf(model, tf.tensor2d([ids], undefined, "int32")).dataSync()])
  writeFileSync(join(dir, "expected.json"), JSON.stringify({ ids, logits }))
}
const modernbert = (await Effect.runPromise(houseFamilies)).find(({ plugin }) => plugin === "modernbert")!
for (const [i, { config, rows }] of cases.entries()) {
  // weights that are large enough for logits to differ
  const encoder = initialise(modernbert.fromConfig({ ...config, initializer_range: 0.4 }, "config.json"), i)
  const decoder = turnedModel(encoder)
  const back = turnedModel(decoder)
  await save(encoder, `encoder-${i}`, rows[0]!)
  await save(decoder, `decoder-${i}`, rows[0]!)
  await save(back, `encoder-from-decoder-${i}`, rows[0]!)
  for (const model of [encoder, decoder, back]) model.dispose()
}
console.log(`${3 * cases.length} folders in ${to}`)
