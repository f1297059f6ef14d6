import { expect, test } from "bun:test"
import { join } from "node:path"
import { fakeLibrary, temporaryFolder } from "./fixtures.ts"
import type { Platform } from "./library.ts"
import { sharedObjectProblem } from "./shared-object.ts"

const platforms = ["linux-x86-64", "linux-arm64", "macos-arm64"] as const

const problemOf = async (bytes: Uint8Array, platform: Platform) => {
  using folder = temporaryFolder()
  const path = join(folder.path, "library")
  await Bun.write(path, bytes)
  return (await sharedObjectProblem(path, platform))?.replace(path, "it")
}

test.each(platforms)("a whole library of %s is fine", async (platform) => {
  expect(await problemOf(fakeLibrary(platform), platform)).toBeUndefined()
})

test.each(platforms)("one byte less is truncated on %s", async (platform) => {
  expect(await problemOf(fakeLibrary(platform).subarray(0, 4095), platform)).toBe(
    "it is truncated: it has 4095 bytes, its header speaks of 4096",
  )
})

test("another machine's library, another kind of file, an empty file and a missing one have different errors", async () => {
  expect(await problemOf(fakeLibrary("linux-arm64"), "linux-x86-64")).toBe(
    "it is built for arm64, this machine is x86-64",
  )
  expect(await problemOf(fakeLibrary("linux-arm64"), "macos-arm64")).toBe(
    "it is not a shared library (no Mach-O header)",
  )
  expect(await problemOf(new TextEncoder().encode("<html>".repeat(50)), "linux-x86-64")).toBe(
    "it is not a shared library (no ELF header)",
  )
  expect(await problemOf(new Uint8Array(0), "linux-x86-64")).toBe("it is not a shared library (no ELF header)")
  expect(await sharedObjectProblem("/nowhere/at/all", "linux-x86-64")).toBe("/nowhere/at/all does not exist")
})

test.skipIf(process.platform !== "linux")(
  "the running program itself has a header that agrees with its size",
  async () => {
    const platform = process.arch === "x64" ? "linux-x86-64" : "linux-arm64"
    expect(await sharedObjectProblem(process.execPath, platform)).toBeUndefined()
  },
)
