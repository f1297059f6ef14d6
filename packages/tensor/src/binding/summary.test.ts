/** TensorBoard's summary writer: the file contains the written values. */
import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { checkLeaks, engineMemory } from "../memory.ts"
import { tf } from "../tf.ts"

const { summaryFileWriter } = createRequire(import.meta.url)("@tensorflow/tfjs-node-gpu/dist/tensorboard")
const folder = mkdtempSync(join(tmpdir(), "winnow-summary-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The records of an event file: length, its checksum, data, its checksum. */
const records = (file: Buffer): Array<Buffer> => {
  const found: Array<Buffer> = []
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at))
    found.push(file.subarray(at + 12, at + 12 + length))
    at += 12 + length + 4
  }
  return found
}
/** The fields of one protobuf message, by number. */
const fields = (message: Buffer): Map<number, Array<number | Buffer>> => {
  const found = new Map<number, Array<number | Buffer>>()
  let at = 0
  const varint = () => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++]!
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
  }
  while (at < message.length) {
    const key = varint()
    const wire = key & 7
    if (wire === 0) {
      found.set(key >> 3, [...(found.get(key >> 3) ?? []), varint()])
      continue
    }
    const length = wire === 1 ? 8 : wire === 5 ? 4 : varint()
    found.set(key >> 3, [...(found.get(key >> 3) ?? []), message.subarray(at, at + length)])
    at += length
  }
  return found
}
const only = (message: Buffer, field: number): Buffer => fields(message).get(field)?.[0] as Buffer

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
  const events = records(readFileSync(join(folder, name!)))
  expect(only(events[0]!, 3).toString()).toBe("brain.Event:2")
  const summaries = events.slice(1).map((event) => {
    const value = only(only(event, 5), 1) // Event.summary.value
    return { step: fields(event).get(2)?.[0], tag: only(value, 1).toString(), tensor: value }
  })
  expect(summaries.map(({ step, tag }) => [step, tag])).toEqual([
    [7, "loss"],
    [300, "tensor"],
    [8, "weights"],
    [9, "one value"],
  ])
  const simple = (i: number) => only(summaries[i]!.tensor, 2).readFloatLE(0)
  expect([simple(0), simple(1)]).toEqual([2.5, -0.5])
  const histogram = (i: number) => {
    const bytes = only(only(summaries[i]!.tensor, 8), 4) // Summary.Value.tensor.tensor_content
    return Array.from({ length: bytes.length / 4 }, (_, k) => bytes.readFloatLE(4 * k))
  }
  expect(histogram(2)).toEqual([1, 2, 1, 2, 3, 3])
  expect(histogram(3)).toEqual([3.5, 4.5, 3])
})
