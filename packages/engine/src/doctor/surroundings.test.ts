/** Faked surroundings: small disks, mounts, locales, second copies of the library, a GPU without its libraries. */
import { expect, test } from "bun:test"
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { temporaryFolder } from "../library/fixtures.ts"
import { surroundingFindings } from "./surrounding-findings.ts"
import { isNoexec, lookAround, missingGpuLibraries, otherCopies, otherLocale } from "./surroundings.ts"

const place = (folder: string) => ({ use: "the cache", folder, variable: "XDG_CACHE_HOME", needed: 1.2e9, loads: true })
const look = (folder: string, change: Partial<Parameters<typeof lookAround>[0]> = {}) =>
  lookAround({
    env: {},
    places: [place(folder)],
    library: undefined,
    nvidiaGpu: false,
    free: async () => 9e9,
    mounts: "",
    loaderCache: "",
    ...change,
  })

test("healthy surroundings have no finding, though the folder is not there yet", async () => {
  using folder = temporaryFolder()
  const around = await look(join(folder.path, "a", "b"), { env: { LANG: "en_US.UTF-8" } })
  expect(around.disks[0]).toMatchObject({ free: 9e9, writable: true, noexec: false })
  expect(surroundingFindings(around)).toEqual([])
})

test("a disk that is too full: its free and its expected room, and both ways out", async () => {
  using folder = temporaryFolder()
  const [finding] = surroundingFindings(await look(folder.path, { free: async () => 0.3e9 }))
  expect(finding).toMatchObject({ level: "warn", about: "disk" })
  expect(finding!.text).toBe(`0.3 GB are free for the cache, ${folder.path}; expected 1.2 GB or more`)
  expect(finding!.remedy).toContain("set XDG_CACHE_HOME to a folder on a larger disk")
})

test("a system that does not tell its room has no finding about it", async () => {
  using folder = temporaryFolder()
  const around = await look(folder.path, { free: () => Promise.reject(new Error("ENOSYS")) })
  expect(surroundingFindings(around)).toEqual([])
})

test("a folder that may not be written: the variable that moves it", async () => {
  using folder = temporaryFolder()
  const around = await look(folder.path)
  const disks = around.disks.map((disk) => ({ ...disk, writable: false }))
  const [finding] = surroundingFindings({ ...around, disks })
  expect(finding!.text).toContain("cannot be written")
  expect(finding!.text).toContain("expected a folder that this user may write to")
  expect(finding!.remedy).toContain("set XDG_CACHE_HOME to a folder that is")
})

const mounts = `22 1 0:20 / / rw,relatime - ext4 /dev/a rw
30 22 0:30 / /tmp rw,nosuid,noexec,relatime - tmpfs tmpfs rw
31 30 0:31 / /tmp/runs rw,relatime - tmpfs tmpfs rw`

test.each([
  ["/tmp", true],
  ["/tmp/x/y", true],
  ["/tmpfiles", false],
  ["/tmp/runs/x", false],
  ["/home/a", false],
])("%s: noexec is %p, by the longest mount above it", (folder, noexec) => {
  expect(isNoexec(folder, mounts)).toBe(noexec)
})

test("libraries cannot be loaded from a disk mounted noexec", async () => {
  using folder = temporaryFolder()
  const around = await look(folder.path, { mounts: `1 0 0:1 / ${folder.path} rw,noexec - tmpfs tmpfs rw` })
  const [finding] = surroundingFindings(around)
  expect(finding!.text).toContain("mounted noexec, from which no library can be loaded; expected one without")
  expect(finding!.remedy).toContain("XDG_CACHE_HOME")
  const plain = { ...around, disks: around.disks.map((disk) => ({ ...disk, loads: false })) }
  expect(surroundingFindings(plain)).toEqual([])
})

test.each([
  [{}, undefined],
  [{ LANG: "de_DE.utf8" }, undefined],
  [{ LC_ALL: "", LANG: "C.UTF-8" }, undefined],
  [{ LC_ALL: "C", LANG: "en_US.UTF-8" }, "LC_ALL=C"],
  [{ LANG: "de_DE.ISO-8859-1" }, "LANG=de_DE.ISO-8859-1"],
])("the locale of %j is %p", async (env, locale) => {
  expect(otherLocale(env)).toBe(locale)
  using folder = temporaryFolder()
  const findings = surroundingFindings(await look(folder.path, { env }))
  expect(findings.map(({ about }) => about)).toEqual(locale === undefined ? [] : ["locale"])
  if (locale !== undefined) expect(findings[0]!.text).toContain(`the locale is ${locale}, expected one of UTF-8`)
})

test("two copies of TensorFlow: the loader's path has another one, named with its variable", async () => {
  using folder = temporaryFolder()
  const [own, other] = [join(folder.path, "own"), join(folder.path, "other")]
  for (const directory of [own, other]) {
    mkdirSync(directory)
    writeFileSync(join(directory, "libtensorflow_framework.so.2"), "")
  }
  symlinkSync(own, join(folder.path, "link"))
  // Its own folder, by another name too, is no second copy.
  expect(otherCopies({ LD_LIBRARY_PATH: `${own}:${join(folder.path, "link")}:/nowhere:` }, own)).toEqual([])
  const env = { LD_LIBRARY_PATH: `${own}:${other}`, LD_PRELOAD: "/a/libtensorflow_cc.so.2 /b/libjemalloc.so" }
  expect(otherCopies(env, own)).toEqual([
    { file: join(other, "libtensorflow_framework.so.2"), variable: "LD_LIBRARY_PATH" },
    { file: "/a/libtensorflow_cc.so.2", variable: "LD_PRELOAD" },
  ])
  const [finding] = surroundingFindings(await look(folder.path, { env, library: own }))
  expect(finding).toMatchObject({ level: "warn", about: "library" })
  expect(finding!.text).toContain("expected one copy:")
  expect(finding!.remedy).toContain("env -u LD_LIBRARY_PATH -u LD_PRELOAD")
})

test("libraries of a GPU are looked for on the loader's path, in its cache, and beside a TensorFlow in Python", async () => {
  using folder = temporaryFolder()
  const library = join(folder.path, "site-packages", "tensorflow")
  const [onPath, beside] = [join(folder.path, "lib"), join(folder.path, "site-packages", "nvidia", "cudnn", "lib")]
  for (const directory of [library, onPath, beside]) mkdirSync(directory, { recursive: true })
  writeFileSync(join(onPath, "libcudart.so.12"), "")
  writeFileSync(join(beside, "libcudnn.so.9"), "")
  const loaderCache = "\tlibcublas.so.12 (libc6,x86-64) => /usr/lib/libcublas.so.12\n"
  const env = { LD_LIBRARY_PATH: onPath }
  const missing = ["libcublasLt.so.12", "libcufft.so.11", "libcusolver.so.11", "libcusparse.so.12"]
  expect(missingGpuLibraries(env, library, loaderCache)).toEqual(missing)
  const around = await look(folder.path, { env, library, loaderCache, nvidiaGpu: true })
  expect(around.missingGpuLibraries).toEqual(missing)
  expect((await look(folder.path, { env, library, loaderCache })).missingGpuLibraries).toEqual([])
})
