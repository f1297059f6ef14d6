/** The order of the places, and the error if none has a library. */
import { expect, test } from "bun:test"
import { chmodSync, mkdirSync, readdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { LibraryNotFound } from "./error.ts"
import { failingWay, makeWheel, quietMeter, temporaryFolder, wayOf, wheelOf, writeLibraries } from "./fixtures.ts"
import { type LocateOptions, locateLibrary } from "./locate.ts"

const platform = "linux-x86-64"
const good = makeWheel(platform)
const folderName = "9.9.9-linux-x86-64-cpu"

const usual = (folder: string, way = wayOf(good)) =>
  ({
    env: { PATH: "/nowhere" },
    platform,
    gpu: false,
    cache: join(folder, "cache"),
    wheelFor: () => wheelOf(good),
    ways: [way],
    meter: quietMeter(),
  }) satisfies LocateOptions

test("the first use downloads it, the second finds it in the cache and prints nothing", async () => {
  using folder = temporaryFolder()
  const way = wayOf(good)
  const first = await locateLibrary(usual(folder.path, way))
  expect(first).toMatchObject({
    source: "download",
    version: "9.9.9",
    flavour: "cpu",
    directory: join(folder.path, "cache", folderName),
    origin: "unpacked from tensorflow_cpu-9.9.9-cp311-cp311-any.whl",
  })
  const options = usual(folder.path, way)
  expect(await locateLibrary(options)).toEqual({ ...first, source: "cache" })
  expect(options.meter.lines).toEqual([])
  expect(way.calls).toBe(1)
})

test("WINNOW_LIBTENSORFLOW comes before the cache; of a folder of ours the version is known", async () => {
  using folder = temporaryFolder()
  const options = usual(folder.path)
  const { directory } = await locateLibrary(options)
  const given = await locateLibrary({ ...options, env: { WINNOW_LIBTENSORFLOW: directory } })
  expect(given).toMatchObject({ source: "WINNOW_LIBTENSORFLOW", version: "9.9.9", directory })
  const bare = join(folder.path, "bare")
  const files = await writeLibraries(bare, platform)
  const found = await locateLibrary({ ...options, env: { WINNOW_LIBTENSORFLOW: bare } })
  expect(found).toMatchObject({ source: "WINNOW_LIBTENSORFLOW", version: "unknown", directory: bare, files })
})

test("a WINNOW_LIBTENSORFLOW that is wrong is an error, though the cache has one", async () => {
  using folder = temporaryFolder()
  const options = usual(folder.path)
  await locateLibrary(options)
  const failure = locateLibrary({ ...options, env: { WINNOW_LIBTENSORFLOW: "/nowhere" } })
  await expect(failure).rejects.toThrow("/nowhere/libtensorflow_cc.so.2 does not exist")
})

test("an empty WINNOW_LIBTENSORFLOW is none", async () => {
  using folder = temporaryFolder()
  const found = await locateLibrary({ ...usual(folder.path), env: { WINNOW_LIBTENSORFLOW: "", PATH: "/nowhere" } })
  expect(found.source).toBe("download")
})

test("Python's TensorFlow comes before a download", async () => {
  using folder = temporaryFolder()
  const directory = join(folder.path, "tensorflow")
  await writeLibraries(directory, platform)
  const answer = { folder: directory, packages: [["tensorflow", "2.21.0"]], python: "py" }
  writeFileSync(join(folder.path, "python3"), `#!/bin/sh\necho '${JSON.stringify(answer)}'\n`)
  chmodSync(join(folder.path, "python3"), 0o755)
  const way = wayOf(good)
  const found = await locateLibrary({ ...usual(folder.path, way), env: { PATH: folder.path } })
  expect(found).toMatchObject({ source: "python", version: "2.21.0", directory })
  expect(way.calls).toBe(0)
})

const cc = "libtensorflow_cc.so.2"
const harm: Record<string, (directory: string) => void> = {
  "a truncated library": (directory) => truncateSync(join(directory, cc), 1000),
  "a library of the same size with other bytes": (directory) => {
    const bytes = readFileSync(join(directory, cc))
    writeFileSync(join(directory, cc), bytes.fill(3, 2000, 2016))
  },
  "a manifest cut short": (directory) => truncateSync(join(directory, "manifest.json"), 50),
  "a manifest that lists other files": (directory) => {
    const path = join(directory, "manifest.json")
    writeFileSync(path, readFileSync(path, "utf8").replaceAll(cc, "libother.so"))
  },
}

test.each(Object.entries(harm))("%s in the cache is replaced at the next try", async (_, doHarm) => {
  using folder = temporaryFolder()
  const way = wayOf(good)
  const first = await locateLibrary(usual(folder.path, way))
  const before = readFileSync(first.files.cc)
  doHarm(first.directory)
  const second = await locateLibrary(usual(folder.path, way))
  expect(second.source).toBe("download")
  expect(way.calls).toBe(2)
  expect(readFileSync(second.files.cc).equals(before)).toBe(true)
  expect((await locateLibrary(usual(folder.path, way))).source).toBe("cache")
})

test("a copied cache, whose times differ, is read once and then trusted again", async () => {
  using folder = temporaryFolder()
  const way = wayOf(good)
  const { files, directory } = await locateLibrary(usual(folder.path, way))
  utimesSync(files.cc, 1_700_000_000, 1_700_000_000)
  expect((await locateLibrary(usual(folder.path, way))).source).toBe("cache")
  expect(JSON.parse(readFileSync(join(directory, "manifest.json"), "utf8")).files).toContainEqual(
    expect.objectContaining({ name: cc, modified: 1_700_000_000_000 }),
  )
  expect(readdirSync(directory)).toHaveLength(3)
})

test("the error lists every place and way in order, why each failed, and what to do", async () => {
  using folder = temporaryFolder()
  const failure = await locateLibrary({
    ...usual(folder.path),
    ways: [failingWay(new Error("pip is away"), "pip"), failingWay(new Error("ENOTFOUND pypi.org"), "https")],
  }).catch((cause: unknown) => cause)
  expect(failure).toBeInstanceOf(LibraryNotFound)
  const { attempts, message } = failure as LibraryNotFound
  expect(attempts.map(({ where }) => where)).toEqual(["WINNOW_LIBTENSORFLOW", "cache", "python", "pip", "https"])
  for (const { why } of attempts) expect(message).toContain(why)
  expect(message).toContain("set WINNOW_LIBTENSORFLOW to its folder `tensorflow`")
  expect((await locateLibrary(usual(folder.path))).source).toBe("download") // The network is back.
})

test("with a GPU the CUDA build is tried first; the CPU build is used with a note when it cannot be had", async () => {
  using folder = temporaryFolder()
  const asked: Array<string> = []
  const options: LocateOptions = {
    ...usual(folder.path),
    gpu: true,
    wheelFor: (_, flavour) => ({ ...wheelOf(good), flavour }),
    ways: [
      {
        name: "pip",
        get: (wheel, ...rest) => {
          asked.push(wheel.flavour)
          return wheel.flavour === "gpu" ? Promise.reject(new Error("no such wheel")) : wayOf(good).get(wheel, ...rest)
        },
      },
    ],
  }
  const first = await locateLibrary(options)
  expect(first).toMatchObject({ source: "download", flavour: "cpu" })
  expect(first.notes[0]).toContain("an NVIDIA GPU is seen")
  expect((await locateLibrary(options)).source).toBe("cache")
  expect(asked).toEqual(["gpu", "cpu", "gpu"])
})

test.each(["linux-arm64", "macos-arm64"] as const)("the same on %s", async (other) => {
  using folder = temporaryFolder()
  const bytes = makeWheel(other)
  const options: LocateOptions = {
    ...usual(folder.path, wayOf(bytes)),
    platform: other,
    wheelFor: () => wheelOf(bytes),
  }
  expect((await locateLibrary(options)).source).toBe("download")
  expect((await locateLibrary(options)).source).toBe("cache")
  mkdirSync(join(folder.path, "empty"))
  const failure = locateLibrary({ ...options, env: { WINNOW_LIBTENSORFLOW: join(folder.path, "empty") } })
  await expect(failure).rejects.toThrow(other === "macos-arm64" ? "libtensorflow_cc.2.dylib" : "libtensorflow_cc.so.2")
})
