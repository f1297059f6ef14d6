import { expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Probe } from "./doctor/probe.ts"
import { examine, packageVersion } from "./doctor.ts"
import { makeWheel, quietMeter, temporaryFolder, wayOf, wheelOf } from "./library/fixtures.ts"
import { currentPlatform } from "./library/platform.ts"

const cpu = { name: "CPU:0", type: "CPU" }
const works = (gflops: number): Probe => ({
  works: true,
  version: "2.21.0",
  devices: [cpu],
  device: cpu,
  usesGpu: false,
  native: { variant: "avx2", path: "/cache/native/a/libwinnow.so", sources: "0", notes: [] },
  measured: { size: 2048, gflops, native: null, opMicroseconds: 8, productError: 0 },
})

const wheel = makeWheel(currentPlatform())
const locate = (cache: string) => ({
  env: { PATH: "/nowhere" },
  gpu: false,
  cache,
  wheelFor: () => wheelOf(wheel),
  ways: [wayOf(wheel)],
  meter: quietMeter(),
})

test("tells library, figures and versions of a machine that works, and is plain JSON", async () => {
  using folder = temporaryFolder()
  const asked: Array<string> = []
  const diagnosis = await examine({
    versions: { effect: "4.1.0" },
    locate: locate(folder.path),
    probe: async (directory, products) => {
      asked.push(products)
      expect(directory).toBe(join(folder.path, `9.9.9-${currentPlatform()}-cpu`))
      return works(products === "float32" ? 100 : 300)
    },
  })
  expect(diagnosis.works).toBe(true)
  expect(diagnosis.library).toMatchObject({ source: "download", version: "9.9.9", tensorflow: "2.21.0" })
  expect(diagnosis.native).toMatchObject({ variant: "avx2" })
  expect(diagnosis.measured.product?.gflops).toBe(100)
  expect(diagnosis.measured.product?.bfloat16Gflops).toBe(asked.length === 2 ? 300 : null)
  expect(diagnosis.versions).toMatchObject({ bun: Bun.version, arktype: "2.2.9", effect: "4.1.0" })
  expect(JSON.parse(JSON.stringify(diagnosis)).engine.device).toBe("CPU")
})

test("a damaged library is not loaded, and the error has the remedy", async () => {
  using folder = temporaryFolder()
  const options = { locate: locate(folder.path), probe: async () => works(1) }
  const { library } = await examine(options)
  const bytes = await Bun.file(library!.files.cc).bytes()
  const manifest = join(library!.directory, "manifest.json")
  writeFileSync(library!.files.cc, bytes.fill(5, 3000, 3016))
  const { mtimeMs } = (await import("node:fs")).statSync(library!.files.cc)
  // Simulates a failing disk: other bytes, the same size and time. Only a check of all bytes finds it.
  const stated = JSON.parse(await Bun.file(manifest).text())
  for (const file of stated.files) if (library!.files.cc.endsWith(file.name)) file.modified = mtimeMs
  writeFileSync(manifest, JSON.stringify(stated))
  const diagnosis = await examine({ ...options, probe: () => Promise.reject(new Error("must not be loaded")) })
  expect(diagnosis.works).toBe(false)
  expect(diagnosis.findings[0]).toMatchObject({ level: "error", about: "library" })
  expect(diagnosis.findings[0]!.text).toContain("has SHA-256")
})

test("without a library it says what was tried", async () => {
  using folder = temporaryFolder()
  const diagnosis = await examine({ locate: { ...locate(folder.path), ways: [] }, probe: async () => works(1) })
  expect(diagnosis).toMatchObject({
    works: false,
    library: null,
    native: null,
    measured: { product: null, opMicroseconds: null },
  })
  expect(diagnosis.attempts.map(({ where }) => where)).toEqual(["WINNOW_LIBTENSORFLOW", "cache", "python"])
})

test("an engine that does not open is an error", async () => {
  using folder = temporaryFolder()
  const probe = async (): Promise<Probe> => ({ works: false, why: "SIGILL" })
  const diagnosis = await examine({ locate: locate(folder.path), probe })
  expect(diagnosis.works).toBe(false)
  expect(diagnosis.engine.device).toBeNull()
})

test("a package that is not installed has no version", () => {
  expect(packageVersion("@winnow/not-there", require.resolve)).toBe("not found")
})
