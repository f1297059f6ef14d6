import { expect, test } from "bun:test"
import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  discard,
  FileError,
  fileErrorOf,
  placeFolder,
  readRegular,
  readRegularText,
  sha256,
  sha256OfFile,
  sha256OfFileInTurns,
  syncPath,
  writeWhole,
} from "./index.ts"

const folder = () => mkdtempSync(join(tmpdir(), "winnow-files-"))
const failure = (run: () => unknown): FileError => {
  try {
    run()
  } catch (error) {
    expect(error).toBeInstanceOf(FileError)
    return error as FileError
  }
  throw new Error("no error was thrown")
}

test("a regular file is read whole, even through a symbolic link", () => {
  const at = folder()
  writeFileSync(join(at, "a"), "grüße")
  symlinkSync(join(at, "a"), join(at, "b"))
  expect(readRegularText(join(at, "b"), { most: 7 })).toBe("grüße")
  expect(readRegular(join(at, "a"), { most: 7 }).length).toBe(7)
})

test("a larger file, a folder, a device, a pipe and a missing file are refused at once, with the path", () => {
  const at = folder()
  writeFileSync(join(at, "a"), "12345678")
  execFileSync("mkfifo", [join(at, "pipe")])
  expect(failure(() => readRegular(join(at, "a"), { most: 7, what: "a name" })).message).toContain(
    "the file has 8 bytes, a name has at most 7",
  )
  expect(failure(() => readRegular(at, { most: 7 })).message).toContain("a folder, expected a regular file")
  expect(failure(() => readRegular("/dev/zero", { most: 7 })).message).toContain("a device")
  expect(failure(() => readRegular(join(at, "pipe"), { most: 7 })).message).toContain("a named pipe")
  expect(failure(() => readRegular(join(at, "none"), { most: 7 })).code).toBe("ENOENT")
})

test("bytes that are not UTF-8 are reported with their offset", () => {
  const file = join(folder(), "a")
  writeFileSync(file, Uint8Array.of(0x61, 0xc3, 0xa4, 0x62, 0xff, 0x63))
  expect(failure(() => readRegularText(file, { most: 100 })).message).toContain("byte 0xff at offset 4 is not UTF-8")
  writeFileSync(file, Uint8Array.of(0x61, 0xc3)) // cut in the middle of a letter
  expect(failure(() => readRegularText(file, { most: 100 })).message).toContain("at offset 1")
})

test("a file's hash is the hash of its bytes, over several pieces, at once or in turns", async () => {
  const file = join(folder(), "a")
  const bytes = new Uint8Array((4 << 20) + 3).map((_, i) => i % 251)
  writeFileSync(file, bytes)
  expect(sha256OfFile(file)).toBe(sha256(bytes))
  let turns = 0
  const other = setInterval(() => turns++, 0)
  expect(await sha256OfFileInTurns(file)).toBe(sha256(bytes))
  clearInterval(other)
  expect(turns).toBeGreaterThan(0)
  await expect(sha256OfFileInTurns(`${file}.none`)).rejects.toMatchObject({ code: "ENOENT" })
})

test("a write that fails leaves the earlier file and no other", () => {
  const at = folder()
  const file = join(at, "deep/a")
  writeWhole(file, "one")
  expect(() =>
    writeWhole(file, () => {
      throw new RangeError("stopped")
    }),
  ).toThrow("stopped")
  expect(readFileSync(file, "utf8")).toBe("one")
  expect(readdirSync(join(at, "deep"))).toEqual(["a"])
  writeWhole(file, "two")
  expect(readFileSync(file, "utf8")).toBe("two")
  expect(failure(() => writeWhole(join(file, "b"), "x")).message).toMatch(/no folder|exists already/)
})

test("a note that is not flushed is whole as well", () => {
  const file = join(folder(), "a")
  writeWhole(file, "one", { flush: false })
  expect(() =>
    writeWhole(
      file,
      () => {
        throw new RangeError("stopped")
      },
      { flush: false },
    ),
  ).toThrow("stopped")
  expect(readFileSync(file, "utf8")).toBe("one")
})

test("a finished folder takes its place, and the earlier folder is gone", () => {
  const at = folder()
  const finish = (text: string) => writeWhole(join(at, "made", "a"), text)
  finish("one")
  placeFolder(join(at, "made"), join(at, "place"))
  finish("two")
  placeFolder(join(at, "made"), join(at, "place"), join(at, "aside"))
  expect(readFileSync(join(at, "place", "a"), "utf8")).toBe("two")
  expect(readdirSync(at)).toEqual(["place"])
  expect(() => placeFolder(join(at, "made"), join(at, "elsewhere"))).toThrow("ENOENT")
  discard(join(at, "place"))
  discard(join(at, "place"))
  expect(readdirSync(at)).toEqual([])
  syncPath(at)
})

test("only the operating system's errors become a FileError", () => {
  expect(fileErrorOf(new RangeError("x"))).toBeUndefined()
  const full = Object.assign(new Error("x"), { code: "ENOSPC", syscall: "write" })
  expect(fileErrorOf(full, "/a/b")!.message).toContain("/a/b: the disk is full")
})
