/** A process that only decodes: TensorFlow's library is not loaded until a tensor is asked for, and then all is as ever. */
import { expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { llama } from "@winnow/model-llama"
import { initialise, saveModel } from "@winnow/models"
import { native, openEngine } from "@winnow/tensor"
import { Effect } from "effect"

await openEngine()

/** Run in a process of its own: prints what is loaded, and texts of every precision before and after TensorFlow. */
const child = `
import { readFileSync } from "node:fs"
import { openEngine, tf, engineInfo, nativeDecodingInUse } from "@winnow/tensor"
import { loadDecoder } from "@winnow/models"
import { generate } from "@winnow/generation"
import { modelProposer, speculateOne } from "@winnow/decoding"
import { llama } from "@winnow/model-llama"
import { Effect } from "effect"
const isLoaded = () => readFileSync("/proc/self/maps", "utf8").includes("libtensorflow_cc")
await openEngine({ whenNeeded: true })
const prompt = [3, 14, 15, 92]
const texts = async (model) => {
  const { rollouts } = await generate(model, [prompt], { maxNew: 20 })
  const { rollout } = await speculateOne(model, modelProposer(model), prompt, { draftLength: 3, maxNew: 20, temperature: 0.7, seed: 2 })
  return [[...rollouts[0].tokens], [...rollout.tokens]]
}
const models = []
for (const precision of ["float32", "bfloat16", "q8"])
  models.push(await Effect.runPromise(loadDecoder(process.argv.at(-1), [llama], { precision })))
const before = []
for (const model of models) before.push(await texts(model))
const early = isLoaded()
// rows of 40 are no halves: the first tensors are variables that a file fills
const odd = await Effect.runPromise(loadDecoder(process.argv.at(-2), [llama], { precision: "bfloat16" }))
const filled = isLoaded()
await texts(odd)
odd.dispose()
const hidden = models.map((model) => tf.tidy(() => model.hidden(tf.tensor2d([prompt], undefined, "int32")).shape))
const after = []
for (const model of models) after.push(await texts(model))
for (const model of models) model.dispose()
const left = [nativeDecodingInUse().count, tf.memory().numTensors]
console.log(JSON.stringify({ early, filled, late: isLoaded(), backend: tf.getBackend(), hidden, before, after, left, device: engineInfo().device.type }))
`

test.skipIf(native() === undefined || process.platform !== "linux")("TensorFlow is loaded when needed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-when-needed-"))
  try {
    const [odd, even] = [40, 64].map((hidden_size) => ({ hidden_size, folder: join(folder, `${hidden_size}`) }))
    for (const { hidden_size, folder } of [odd!, even!]) {
      const sizes = { vocab_size: 3000, hidden_size, intermediate_size: 96, num_hidden_layers: 2 }
      const model = initialise(await Effect.runPromise(llama({ ...sizes, num_attention_heads: 4 }).instance), 5)
      await Effect.runPromise(saveModel(model, folder))
      model.dispose()
    }
    const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, "-e", child, odd!.folder, even!.folder], {
      cwd: import.meta.dir,
    })
    expect([exitCode, stderr.toString()]).toEqual([0, ""])
    const found = JSON.parse(stdout.toString())
    expect(found).toMatchObject({
      early: false,
      filled: true,
      late: true,
      backend: "tensorflow",
      device: "CPU",
      left: [0, 0],
    })
    expect(found.hidden).toEqual(Array(3).fill([1, 4, 64]))
    expect(found.after).toEqual(found.before)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
