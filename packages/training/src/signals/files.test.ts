/**
 * A cache on the disk: resumed after a stop at any moment, whole or absent, checked, refused if it belongs to another
 * run.
 */
import { afterAll, beforeEach, describe, expect, test } from "bun:test"
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DataError } from "@winnow/core"
import { type Batch, batches, collate, trainedOffsets } from "@winnow/data"
import { Effect } from "effect"
import { tinyExamples } from "./fixture.ts"
import { openSignals } from "./read.ts"
import { shardCount, writeShards } from "./shards.ts"
import { planPieces, type SignalsSize, type WriteOptions, writeSignals } from "./write.ts"

const folder = mkdtempSync(join(tmpdir(), "winnow-signals-files-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let directory = ""
beforeEach(() => {
  directory = mkdtempSync(join(folder, "cache-"))
})

const examples = tinyExamples(30)
const offset_E = trainedOffsets(examples)
const tokens = offset_E.at(-1)!
const identity = { weights: "w1", data: "d1", tokenizer: "t1", form: "numbers", code: "c1" }

/** A token's row is its example and its position: 8 bytes. */
const encode = (batch: Batch): Uint8Array<ArrayBuffer> => {
  const words = new Int32Array(batch.row_N.length * 2)
  for (let n = 0; n < batch.row_N.length; n++) {
    words[2 * n] = batch.example_B[batch.sequence_N[n]!]!
    words[2 * n + 1] = batch.position_N[n]!
  }
  return new Uint8Array(words.buffer)
}
const write = (more: Partial<WriteOptions> = {}) =>
  Effect.runPromise(
    writeSignals({
      directory,
      identity,
      examples,
      bytesPerToken: 8,
      encode,
      piece: { bytes: 8 * 20, tokens: 1000 },
      batchTokens: 30,
      ...more,
    }),
  )
const open = (more: Partial<typeof identity> = {}) => openSignals(directory, { ...identity, ...more }, examples)
const read = (batch: Batch) => {
  const words = new Int32Array(batch.row_N.length * 2)
  open().rows(batch, (bytes, n) => words.set(new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4), 2 * n))
  return new Uint8Array(words.buffer)
}
const contents = () =>
  readdirSync(directory)
    .toSorted()
    .map((name) => [name, readFileSync(join(directory, name), "utf8")])

test("every batch finds the rows of its own tokens, whichever pieces they are in", async () => {
  const header = await write()
  expect(header.pieces.length).toBeGreaterThan(5)
  const source = batches(examples, { batchSize: 7, seed: 2 })
  for (let step = 0; step < 12; step++) expect(read(source.batch(step))).toEqual(encode(source.batch(step)))
  expect(readdirSync(directory).filter((name) => !/^piece-\d+\.bin$/.test(name))).toEqual(["signals.json"])
})

test("pieces cover all rows once and are no larger than asked by more than one example", () => {
  const longest = Math.max(...examples.map((_, e) => offset_E[e + 1]! - offset_E[e]!))
  for (const rows of [1, 17, 64, 10_000]) {
    const pieces = planPieces(offset_E, 8, { bytes: 8 * rows, tokens: 1e9 })
    expect(pieces.reduce((sum, piece) => sum + piece.rows, 0)).toBe(tokens)
    for (const [i, piece] of pieces.entries()) {
      expect(piece.rows).toBeLessThan(rows + longest)
      if (i > 0) expect(piece.firstRow).toBe(pieces[i - 1]!.firstRow + pieces[i - 1]!.rows)
    }
  }
})

test("the size is announced before any computation; a disk without room is refused before any write", async () => {
  const events: Array<string> = []
  let size: SignalsSize | undefined
  const options: Partial<WriteOptions> = {
    onSize: (s) => {
      size = s
      events.push("size")
    },
    encode: (batch) => {
      events.push("encode")
      return encode(batch)
    },
  }
  const full = write({ ...options, freeBytes: () => 30e6 })
  await expect(full).rejects.toThrow(/need 0\.0 MiB more on the disk \(\d+ tokens of 8 bytes\), and 28\.6 MiB are free/)
  expect(events).toEqual(["size"])
  expect(readdirSync(directory)).toEqual([])
  await write({ ...options, freeBytes: () => 1e9 })
  expect(size).toEqual({ tokens, bytesPerToken: 8, bytes: 8 * tokens, bytesLeft: 8 * tokens, free: 1e9 })
  expect(events.slice(0, 3)).toEqual(["size", "size", "encode"])
})

describe("an attempt that stopped", () => {
  /** Stops in the middle of a piece, as a kill would: only the files on the disk remain. */
  const stopAfter = async (batchesDone: number) => {
    let done = 0
    const attempt = write({
      encode: (batch) => {
        if (done++ === batchesDone) throw new Error("stopped")
        return encode(batch)
      },
    })
    await expect(attempt).rejects.toThrow("stopped")
  }
  const resumed = async (onDamage: (text: string) => void = () => {}) => {
    let computed = 0
    await write({
      onDamage,
      encode: (batch) => {
        computed += batch.row_N.length
        return encode(batch)
      },
    })
    return computed
  }
  let whole: ReturnType<typeof contents>
  const expectWhole = () => expect(contents()).toEqual(whole)
  beforeEach(async () => {
    await write()
    whole = contents()
    directory = mkdtempSync(join(folder, "resumed-"))
  })

  test("resumes with the interrupted piece, and ends with the same bytes", async () => {
    await stopAfter(8)
    expect(existsSync(join(directory, "signals.json"))).toBe(false)
    expect(() => open()).toThrow("signals.json")
    const there = readdirSync(directory).filter((name) => name.endsWith(".bin")).length
    expect(there).toBeGreaterThan(1)
    const computed = await resumed()
    expect(computed).toBeGreaterThan(0)
    expect(computed).toBeLessThanOrEqual(tokens - there * 15)
    expectWhole()
  })

  test("computes nothing again if it was stopped after its header", async () => {
    await write()
    expect(existsSync(join(directory, "pieces.jsonl"))).toBe(false)
    expect(await resumed()).toBe(0)
    expectWhole()
    await expect(write({ identity: { ...identity, weights: "w2" } })).rejects.toThrow("weights is w1, this run has w2")
  })

  const inFirstLine = (from: string, to: string) => {
    const journal = join(directory, "pieces.jsonl")
    writeFileSync(journal, readFileSync(journal, "utf8").replace(from, to))
  }
  // A kill leaves the first three states; the others are damage, and a message says so.
  for (const [what, damage, says] of [
    [
      "a journal cut in its last line",
      () => truncateSync(join(directory, "pieces.jsonl"), readFileSync(join(directory, "pieces.jsonl")).length - 9),
      undefined,
    ],
    [
      "a piece that was not noted",
      () => writeFileSync(join(directory, whole.findLast(([name]) => name!.startsWith("piece-"))![0]!), "half a pie"),
      undefined,
    ],
    [
      "a file that was being written",
      () => writeFileSync(join(directory, "piece-00003.bin.77.tmp"), "half"),
      undefined,
    ],
    ["a noted piece that is damaged", () => flip("piece-00001.bin"), "piece-00001.bin is damaged"],
    ["a noted piece that is gone", () => rmSync(join(directory, "piece-00001.bin")), "piece-00001.bin is damaged"],
    ["a journal cut in its first line", () => truncateSync(join(directory, "pieces.jsonl"), 5), "the first line of"],
    ["another identity by a flipped bit", () => inFirstLine('"w1"', '"w0"'), "the first line of"],
    [
      "a line that is no piece",
      () => appendFileSync(join(directory, "pieces.jsonl"), '{"file":"/etc/passwd"}\n'),
      "a line of",
    ],
  ] as const)
    test(`goes on after ${what}`, async () => {
      await stopAfter(8)
      damage()
      const told: Array<string> = []
      await resumed((text) => told.push(text))
      expectWhole()
      expect(told).toEqual(says === undefined ? [] : [expect.stringContaining(says)])
    })

  test("is not gone on with for another identity", async () => {
    await stopAfter(8)
    await expect(write({ identity: { ...identity, weights: "w2" } })).rejects.toThrow("weights is w1, this run has w2")
  })
})

/** Changes one byte of a file of the cache. */
const flip = (name: string) => {
  const file = join(directory, name)
  const bytes = readFileSync(file)
  bytes[bytes.length >> 1]! ^= 4
  writeFileSync(file, bytes)
}
const whole = collate(examples)

describe("refused", () => {
  beforeEach(async () => {
    await write({ table: { shape: [2, 3], values: () => Float32Array.of(1, 2, 3, 4, 5, 6) } })
  })
  test("a flipped bit of any file, when it is first used", () => {
    expect(read(whole)).toEqual(encode(whole))
    flip("piece-00002.bin")
    expect(() => read(whole)).toThrow(
      /piece-00002\.bin is damaged: its checksum is [0-9a-f]{16}, [0-9a-f]{16} was written/,
    )
    const early = collate(examples.slice(0, 1))
    expect(read(early)).toEqual(encode(early)) // The bytes of another piece.
    flip("table.bin")
    expect(() => open().table()).toThrow("table.bin is damaged")
    flip("signals.json")
    expect(() => open()).toThrow(DataError)
  })
  test("a file that is shorter, or gone", () => {
    truncateSync(join(directory, "piece-00001.bin"), 8)
    expect(() => read(whole)).toThrow("piece-00001.bin is damaged: it has 8 bytes")
    rmSync(join(directory, "piece-00000.bin"))
    expect(() => read(whole)).toThrow("piece-00000.bin is damaged: it is not there")
  })
  for (const field of Object.keys(identity) as Array<keyof typeof identity>)
    test(`another ${field}`, () => {
      expect(() => open({ [field]: "other" })).toThrow(
        new RegExp(`was made of something else: ${field} is ${identity[field]}, this run has other`),
      )
    })
  test("other data of the same identity, and a batch of more examples", () => {
    expect(() => openSignals(directory, identity, examples.slice(1))).toThrow(/has \d+ tokens of 30 examples, the data/)
    const more = collate(examples.slice(0, 1), 0, Int32Array.of(30))
    expect(() => read(more)).toThrow("the batch has example 30, the cache of signals")
  })
})

describe("in shards", () => {
  const table = { shape: [2, 3], values: () => Float32Array.of(1, 2, 3, 4, 5, 6) }
  const folderOf = (index: number) => join(directory, `shard-${index}`)
  const writeIn = async (of: number, order = Array.from({ length: of }, (_, i) => i)) => {
    const whole = directory
    for (const index of order) {
      directory = folderOf(index).replace(directory, whole)
      await write({ shard: { index, of }, ...(index === 0 && { table }) })
      directory = whole
    }
    writeShards(
      directory,
      Array.from({ length: of }, (_, i) => ({ folder: `shard-${i}` })),
    )
  }

  test("a batch reads across them, and each piece is the file of the whole", async () => {
    await writeIn(4, [2, 0, 3, 1])
    const inShards = readdirSync(directory, { recursive: true }).map(String)
    const pieces = inShards.filter((path) => path.endsWith(".bin")).map((path) => [path.split("/")[1]!, path])
    const alone = mkdtempSync(join(folder, "whole-"))
    const header = await write({ directory: alone, table })
    expect(pieces.map(([name]) => name!).toSorted()).toEqual(
      readdirSync(alone)
        .filter((name) => name.endsWith(".bin"))
        .toSorted(),
    )
    for (const [name, path] of pieces)
      expect(readFileSync(join(directory, path!))).toEqual(readFileSync(join(alone, name!)))
    expect(open().header).toEqual(header)
    const source = batches(examples, { batchSize: 7, seed: 2 })
    for (let step = 0; step < 12; step++) expect(read(source.batch(step))).toEqual(encode(source.batch(step)))
    expect(open().table()!.bytes).toEqual(openSignals(alone, identity, examples).table()!.bytes)
  })

  test("a stopped shard goes on from its own pieces", async () => {
    const shard = { index: 2, of: 3 }
    let [done, computed] = [0, 0]
    const stopped = write({
      shard,
      encode: (batch) => {
        if (done++ === 3) throw new Error("stopped")
        return encode(batch)
      },
    })
    await expect(stopped).rejects.toThrow("stopped")
    const there = readdirSync(directory).filter((name) => name.endsWith(".bin")).length
    expect(there).toBeGreaterThan(0)
    const told: Array<number> = []
    const header = await write({
      shard,
      onProgress: (tokens) => told.push(tokens),
      encode: (batch) => {
        computed += batch.row_N.length
        return encode(batch)
      },
    })
    expect(told[0]).toBe(header.pieces.slice(0, there).reduce((sum, { rows }) => sum + rows, 0))
    expect(computed).toBe(header.tokens - told[0]!)
  })

  test("more shards than pieces leave some empty", async () => {
    await writeIn(25)
    expect(read(whole)).toEqual(encode(whole))
    const empty = readdirSync(directory).filter(
      (name) => name !== "shards.json" && !readdirSync(join(directory, name)).some((file) => file.startsWith("piece-")),
    )
    expect(empty.length).toBeGreaterThan(0)
  })

  test("a shard in another's place, a missing one, and a damaged list are refused", async () => {
    await writeIn(3)
    const list = (folders: ReadonlyArray<string>) =>
      writeShards(
        directory,
        folders.map((name) => ({ folder: name })),
      )
    list(["shard-0", "shard-2", "shard-1"])
    expect(() => open()).toThrow("was made of something else: shard is 3 of 3, this run has 2 of 3")
    list(["shard-0", "shard-1"])
    expect(() => open()).toThrow("shard is 1 of 3, this run has 1 of 2")
    list(["shard-0", "shard-1", "gone"])
    expect(() => open()).toThrow(/gone\/signals\.json/)
    writeFileSync(join(directory, "shards.json"), "{}")
    expect(() => open()).toThrow("shards must be")
  })

  test("their number follows from the size: one for small caches", () => {
    const count = (tokens: number, bytesPerToken: number) => shardCount({ tokens, bytes: tokens * bytesPerToken })
    expect(shardCount(undefined)).toBe(1)
    expect(count(1, 4)).toBe(1)
    expect(count(2 ** 24, 516)).toBe(1)
    expect(count(2 ** 24 + 1, 516)).toBe(2)
    expect(count(1e9, 516)).toBe(60)
    expect(count(2 ** 24, 2 ** 12)).toBe(4)
    expect(count(1e12, 516)).toBe(1000)
  })
})
