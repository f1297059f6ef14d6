/** TensorBoard's summary writer: the file contains the written values. */
import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { checkLeaks, engineMemory } from "../memory.ts"
import { scalarOf, valuesIn, within } from "../ops/event-file.fixture.ts"
import { tf } from "../tf.ts"

const { summaryFileWriter } = createRequire(import.meta.url)("@tensorflow/tfjs-node-gpu/dist/tensorboard")
const folder = mkdtempSync(join(tmpdir(), "winnow-summary-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test("scalars and a histogram", () => {
  const writer = summaryFileWriter(folder) // The writer stays open: it is cached by folder.
  const before = engineMemory()
  writer.scalar("loss", 2.5, 7)
  tf.tidy(() => writer.scalar("tensor", tf.scalar(-0.5), 300))
  tf.tidy(() => writer.histogram("weights", tf.tensor1d([1, 2, 2, 3]), 8, 2))
  tf.tidy(() => writer.histogram("one value", tf.tensor1d([4, 4, 4]), 9))
  writer.flush()
  checkLeaks(before, "writing summaries")

  const [name] = readdirSync(folder)
  const summaries = valuesIn(join(folder, name!))
  expect(summaries.map(({ step, tag }) => [step, tag])).toEqual([
    [7, "loss"],
    [300, "tensor"],
    [8, "weights"],
    [9, "one value"],
  ])
  expect(summaries.slice(0, 2).map(scalarOf)).toEqual([2.5, -0.5])
  const histogram = (i: number) => {
    const bytes = within(summaries[i]!.value, 8, 4) // Summary.Value.tensor.tensor_content
    return Array.from({ length: bytes.length / 4 }, (_, k) => bytes.readFloatLE(4 * k))
  }
  expect(histogram(2)).toEqual([1, 2, 1, 2, 3, 3])
  expect(histogram(3)).toEqual([3.5, 4.5, 3])
})
