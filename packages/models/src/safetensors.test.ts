/** The file format: what is written is read, and everything that can be wrong with a file is said. */
import { afterAll, expect, test } from "bun:test"
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openSafetensors, readSafetensors, writeSafetensors } from "./safetensors.ts"

const dir = mkdtempSync(join(tmpdir(), "winnow-safetensors-"))
afterAll(() => rmSync(dir, { recursive: true }))

/** A file of this header and data, built by hand. */
const handmade = (name: string, header: unknown, data: Uint8Array = new Uint8Array()): string => {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header))
  const bytes = new Uint8Array(8 + json.length + data.length)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true)
  bytes.set(json, 8)
  bytes.set(data, 8 + json.length)
  const file = join(dir, name)
  writeFileSync(file, bytes)
  return file
}

const entry = (dtype: unknown, shape: ReadonlyArray<number>, begin: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
})

test("written tensors read back bit by bit: scalars, empty tensors, odd names", () => {
  const file = join(dir, "deep", "a.safetensors")
  const values = Float32Array.of(1.5, -0, Number.NaN, Number.POSITIVE_INFINITY, 1e-45, 3)
  writeSafetensors(
    file,
    [
      { name: 'w.ü "q"', shape: [2, 3], data: values },
      { name: "scalar", shape: [], data: () => Float32Array.of(7) },
      { name: "empty", shape: [0, 4], data: new Float32Array() },
    ],
    { metadata: { format: "pt", note: "x" } },
  )
  const read = readSafetensors(file)
  expect([...read.keys()]).toEqual(['w.ü "q"', "scalar", "empty"])
  expect(new Uint32Array(read.get('w.ü "q"')!.data.buffer)).toEqual(new Uint32Array(values.buffer))
  expect(read.get("scalar")).toEqual({ shape: [], data: Float32Array.of(7) })
  expect(read.get("empty")).toEqual({ shape: [0, 4], data: new Float32Array() })
  const opened = openSafetensors(file)
  expect(opened.metadata).toEqual({ format: "pt", note: "x" })
  // aligned to 8 bytes, as readers that map the file want it
  expect(opened.tensors.get('w.ü "q"')!.begin % 8).toBe(0)
  opened.close()
})

test("numbers are written in halves, rounded to nearest, ties to even, and read as that", () => {
  const file = join(dir, "written-halves")
  const data = Float32Array.of(1 + 2 ** -11, 1 + 3 * 2 ** -11, -(1 + 2 ** -8), 1 + 3 * 2 ** -8, 2 ** -24, 65519)
  const read = (dtype: "float16" | "bfloat16") => {
    writeSafetensors(file, [{ name: "w", shape: [6], data }], { dtype })
    return [...readSafetensors(file).get("w")!.data]
  }
  expect(read("float16")).toEqual([1, 1 + 2 ** -9, -(1 + 2 ** -8), 1 + 3 * 2 ** -8, 2 ** -24, 65504])
  expect(read("bfloat16")).toEqual([1, 1, -1, 1 + 2 ** -6, 2 ** -24, 65536])
  const large = (x: number, dtype: "float16" | "bfloat16") => () =>
    writeSafetensors(file, [{ name: "w", shape: [1], data: Float32Array.of(x) }], { dtype })
  expect(large(-65520, "float16")).toThrow("dtype float16: cannot hold the value -65520 of tensor w")
  expect(large(3.3961775292304601e38, "bfloat16")).toThrow("of tensor w; write it in float32")
  large(3.39617732e38, "bfloat16")() // the float32 below that
  large(Number.NEGATIVE_INFINITY, "float16")()
})

test("F16 and BF16 become float32, subnormals and infinities included, in data of any alignment", () => {
  const f16 = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7c00, 0x3555)
  const bf16 = Uint16Array.of(0x3f80, 0xc000, 0x0001, 0xff80)
  const data = new Uint8Array([...new Uint8Array(f16.buffer), ...new Uint8Array(bf16.buffer)])
  const file = handmade("halves", { h: entry("F16", [5], 0, 10), b: entry("BF16", [2, 2], 10, 18) }, data)
  const read = readSafetensors(file)
  expect([...read.get("h")!.data]).toEqual([1, -2, 2 ** -24, Number.POSITIVE_INFINITY, 0.333251953125])
  expect([...read.get("b")!.data]).toEqual([1, -2, 2 ** -133, Number.NEGATIVE_INFINITY])
})

test("F64 becomes float32; a tensor that cannot be read matters when it is read", () => {
  const data = new Uint8Array(Float64Array.of(0.1, -3e300).buffer)
  const header = { d: entry("F64", [2], 0, 16), mask: entry("BOOL", [3], 16, 19), new: entry("F5_E1", [], 19, 20) }
  const file = openSafetensors(handmade("mixed", header, new Uint8Array([...data, 1, 0, 1, 7])))
  expect([...file.read("d")]).toEqual([Math.fround(0.1), Number.NEGATIVE_INFINITY])
  expect(file.tensors.get("mask")).toMatchObject({ dtype: "BOOL", shape: [3] })
  expect(() => file.read("mask")).toThrow("tensor mask has dtype BOOL; F32, F16, BF16, F64 are read")
  expect(() => file.readInto("new", new Float32Array(1))).toThrow("tensor new has dtype F5_E1")
  file.close()
})

test("every half number is converted to the float32 of the same value", () => {
  const all = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i)
  // more than are converted at once, so that the last piece is short
  const many = Uint16Array.from({ length: 3 * 2 ** 16 }, (_, i) => i)
  const file = handmade(
    "all-halves",
    {
      h: entry("F16", [many.length], 0, many.byteLength),
      b: entry("BF16", [all.length], many.byteLength, 2 * (many.length + all.length)),
    },
    new Uint8Array([...new Uint8Array(many.buffer), ...new Uint8Array(all.buffer)]),
  )
  const read = readSafetensors(file)
  const [h, b] = [read.get("h")!.data, read.get("b")!.data]
  const f16 = new Float16Array(all.buffer)
  for (let i = 0; i < all.length; i++)
    for (const k of [0, 1, 2]) if (!Object.is(h[i + k * all.length], f16[i])) throw new Error(`F16 ${i} is ${h[i]}`)
  expect(new Uint32Array(b.buffer)).toEqual(Uint32Array.from(all, (bits) => bits << 16))
})

test("is read into memory that is there, of its length only", () => {
  const file = join(dir, "into.safetensors")
  writeSafetensors(file, [{ name: "w", shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }])
  const opened = openSafetensors(file)
  const into = new Float32Array(6)
  opened.readInto("w", into.subarray(1, 5))
  expect([...into]).toEqual([0, 1, 2, 3, 4, 0])
  expect(() => opened.readInto("w", into)).toThrow("tensor w of shape [2,2] has 4 values, there is room for 6")
  expect(() => opened.readInto("v", into)).toThrow("has no tensor v")
  opened.close()
})

/** A file of this text. */
const plain = (name: string, text: string): string => {
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}

const eight = new Uint8Array(8)
const wrong: Record<string, readonly [file: () => string, says: string | RegExp]> = {
  missing: [() => join(dir, "nothing"), "there is no such file"],
  short: [() => plain("short", "abc"), "3 bytes is too short"],
  "not safetensors": [() => plain("text", "hello, world, hello"), "not safetensors"],
  "not JSON": [() => handmade("json", "{oops"), "not JSON"],
  "truncated data": [() => handmade("cut", { w: entry("F32", [4], 0, 16) }, eight), "truncated"],
  "data left over": [() => handmade("more", { w: entry("F32", [1], 0, 4) }, eight), "belong to no tensor"],
  overlap: [
    () => handmade("overlap", { v: entry("F32", [1], 0, 4), w: entry("F32", [2], 0, 8) }, eight),
    "tensor w begins at byte",
  ],
  hole: [() => handmade("hole", { w: entry("F32", [1], 4, 8) }, eight), "have a hole"],
  "a dtype that is no name": [() => handmade("dtype", { w: entry(7, [1], 0, 8) }, eight), "dtype 7, expected a name"],
  "size of a dtype that is not read": [
    () => handmade("bool", { w: entry("BOOL", [3], 0, 8) }, eight),
    "BOOL of shape [3], takes 3 bytes",
  ],
  "a header deeper than the stack": [
    () => handmade("nested", `{"w":${"[".repeat(200_000)}${"]".repeat(200_000)}}`),
    /tensor w has no description|not JSON/,
  ],
  "a Git LFS pointer": [
    () => plain("lfs", `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 1\n`),
    "a Git LFS pointer",
  ],
  "a web page": [() => plain("page", "<!DOCTYPE html><html>...</html>"), "a web page (HTML)"],
  "a PyTorch file": [() => plain("zip", "PK\u0003\u0004 and so on"), "a PyTorch file (a zip archive)"],
  "a server's error": [() => plain("error", '{"error":"Repository not found"}'), "an error message of a server"],
  "a folder": [() => dir, "this is a folder, expected a regular file"],
  "a device": [() => "/dev/zero", "this is a device, expected a regular file"],
  "size against shape": [
    () => handmade("size", { w: entry("F32", [3], 0, 8) }, eight),
    "takes 12 bytes, its offsets span 8",
  ],
  "negative size": [() => handmade("negative", { w: entry("F32", [-2], 0, 8) }, eight), "whole numbers"],
}

for (const [name, [make, says]] of Object.entries(wrong))
  test(`refused: ${name}`, () => {
    const file = make()
    expect(() => openSafetensors(file)).toThrow(says)
    expect(() => openSafetensors(file)).toThrow(file)
  })

test("a failed write does not change the earlier file, and leaves no other file", () => {
  const file = join(dir, "kept", "a.safetensors")
  writeSafetensors(file, [{ name: "w", shape: [1], data: Float32Array.of(1) }])
  expect(() => writeSafetensors(file, [{ name: "w", shape: [2], data: Float32Array.of(1) }])).toThrow(
    "tensor w has 1 values, its shape [2] 2",
  )
  const fails = () => {
    throw new Error("the device is gone")
  }
  expect(() => writeSafetensors(file, [{ name: "w", shape: [1], data: fails }])).toThrow("the device is gone")
  expect(readSafetensors(file).get("w")!.data[0]).toBe(1)
  expect(readdirSync(join(dir, "kept"))).toEqual(["a.safetensors"])
  expect(() => writeSafetensors(join(file, "below", "b"), [])).toThrow("a part of this path is not a folder")
  expect(existsSync(file)).toBe(true)
})
