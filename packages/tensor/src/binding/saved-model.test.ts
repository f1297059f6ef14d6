/** Saved models: loaded, run, refused and closed, by the binding and by tfjs-node's own loader. */
import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { timesModel, writeModel, writeSpecModels } from "../../conformance/saved-models.ts"
import { backend } from "../engine.ts"
import { tf } from "../tf.ts"
import { DType } from "./dtypes.ts"
import { EngineError } from "./status.ts"

const { binding } = backend()
const folder = mkdtempSync(join(tmpdir(), "winnow-saved-model-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const times = join(folder, "times")
writeModel(times, timesModel(DType.float32, 3))
writeSpecModels(folder)

const input = () => binding.createTensor([2], DType.float32, Float32Array.of(1, -2))

test("runs, again and again, with and without output numbers", () => {
  const before = [binding.getNumOfTensors(), binding.getNumOfSavedModels()]
  const model = binding.loadSavedModel(times, "serve")
  expect(binding.getNumOfSavedModels()).toBe(before[1]! + 1)
  const x = input()
  for (const number of ["", ":0"]) {
    const [y] = binding.runSavedModel(model, [x], `serving_default_x${number}`, `StatefulPartitionedCall${number}`)
    expect(y).toMatchObject({ shape: [2], dtype: DType.float32 })
    expect([...binding.tensorDataSync(y!.id)]).toEqual([3, -6])
    binding.deleteTensor(y!.id)
  }
  binding.deleteTensor(x)
  binding.deleteSavedModel(model)
  expect([binding.getNumOfTensors(), binding.getNumOfSavedModels()]).toEqual(before)
})

test("tfjs-node's loader: two inputs, two outputs, by name", async () => {
  const { loadSavedModel } = createRequire(import.meta.url)("@tensorflow/tfjs-node-gpu/dist/saved_model")
  const model = await loadSavedModel(join(folder, "test_objects/saved_model/model_multi_output"))
  tf.tidy(() => {
    const out = model.predict({ x: tf.tensor1d([1, 2], "int32"), y: tf.tensor1d([5, 6], "int32") })
    expect([...out.output_0.dataSync()]).toEqual([2, 4])
    expect([...out.output_1.dataSync()]).toEqual([5, 6])
  })
  model.dispose()
})

const run =
  (inputNames: string, outputNames: string, make = () => [input()]) =>
  () => {
    const model = binding.loadSavedModel(times, "serve")
    const inputs = make()
    try {
      binding.runSavedModel(model, inputs, inputNames, outputNames)
    } finally {
      for (const id of inputs) binding.deleteTensor(id)
      binding.deleteSavedModel(model)
    }
  }
const ints = () => [binding.createTensor([1], DType.int32, Int32Array.of(1))]
const wrong: Readonly<Record<string, readonly [() => unknown, string]>> = {
  "no such folder": [() => binding.loadSavedModel(join(folder, "none"), "serve"), "NotFound"],
  "no such tags": [() => binding.loadSavedModel(times, "serve,gpu"), '"serve,gpu"'],
  "no such model": [() => binding.runSavedModel(12345, [], "", ""), "there is no saved model 12345"],
  "closed twice": [() => binding.deleteSavedModel(12345), "there is no saved model 12345"],
  "no such input": [run("nothing:0", "StatefulPartitionedCall:0"), 'the graph has no operation "nothing"'],
  "no such output": [run("serving_default_x:0", "nothing"), 'the graph has no operation "nothing"'],
  "an output number too high": [run("serving_default_x:0", "StatefulPartitionedCall:7"), "has 1 outputs"],
  "more tensors than names": [
    run("serving_default_x:0", "factor:0", () => [input(), input()]),
    "1 input names for 2 input tensors",
  ],
  "another dtype": [run("serving_default_x:0", "StatefulPartitionedCall:0", ints), "serving_default_x:0 = int32[1]"],
  "an input not fed": [run("", "StatefulPartitionedCall:0", () => []), "You must feed a value for placeholder"],
}
for (const [what, [call, says]] of Object.entries(wrong))
  test(`refused: ${what}`, () => {
    const before = [binding.getNumOfTensors(), binding.getNumOfSavedModels()]
    expect(call).toThrow(EngineError)
    expect(call).toThrow(says)
    expect([binding.getNumOfTensors(), binding.getNumOfSavedModels()]).toEqual(before)
  })
