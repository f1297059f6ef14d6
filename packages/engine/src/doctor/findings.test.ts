import { expect, test } from "bun:test"
import type { Library } from "../library/library.ts"
import { canRunWheels, type Facts, judge } from "./findings.ts"
import { readProbe } from "./probe.ts"

const library: Library = {
  directory: "/cache/a",
  version: "2.21.0",
  source: "cache",
  flavour: "cpu",
  platform: "linux-x86-64",
  files: { cc: "/cache/a/cc", framework: "/cache/a/framework" },
  origin: "unpacked from a wheel",
  notes: [],
}
const cpu = { name: "/job:localhost/replica:0/task:0/device:CPU:0", type: "CPU" }
const probe = {
  works: true as const,
  version: "2.21.0",
  devices: [cpu],
  device: cpu,
  usesGpu: false,
  native: { variant: "avx2" as const, path: "/cache/native/a/libwinnow.so", sources: "0", notes: [] },
  measured: { size: 2048, gflops: 200, native: null, opMicroseconds: 8, productError: 0 },
}
const healthy: Facts = {
  system: { platform: "linux-x86-64", glibc: "2.36", memory: 16e9, availableMemory: 12e9, nvidiaGpu: false, load: 0.4 },
  processor: { model: "A", threads: 4, quota: undefined, instructionSets: ["avx", "avx2"], bfloat16: "none" },
  bun: { found: "1.4.5", tested: "1.4.5" },
  library,
  damage: undefined,
  probe,
  threads: 4,
  surroundings: { disks: [], locale: undefined, otherCopies: [], missingGpuLibraries: [] },
}

/** The findings other than passed checks after `change` is applied to a healthy machine. */
const illnesses = (change: Partial<Facts>) => judge({ ...healthy, ...change }).filter(({ level }) => level !== "ok")

test("a healthy machine has only good findings", () => {
  expect(illnesses({})).toEqual([])
  expect(judge(healthy).map(({ about }) => about)).toEqual(["bun", "library", "engine", "device", "native"])
  expect(illnesses({ bun: { found: "1.10.0", tested: "1.4.5" } })).toEqual([])
})

const cases: ReadonlyArray<readonly [string, Partial<Facts>, "warn" | "error", string, string]> = [
  ["old Bun", { bun: { found: "1.3.9", tested: "1.4.5" } }, "warn", "Bun is 1.3.9", "bun upgrade"],
  ["old glibc", { system: { ...healthy.system, glibc: "2.9" } }, "error", "glibc is 2.9", "newer system"],
  ["no AVX", { processor: { ...healthy.processor, instructionSets: ["fma"] } }, "error", "no AVX", "another machine"],
  [
    "little memory",
    { system: { ...healthy.system, availableMemory: 1e9 } },
    "warn",
    "1.0 GB of memory",
    "smaller batches",
  ],
  [
    "a container's limit",
    { processor: { ...healthy.processor, quota: 2.5 } },
    "warn",
    "2.5 cores",
    "TF_NUM_INTRAOP_THREADS=2",
  ],
  ["damage", { damage: "cc has 3 bytes", probe: undefined }, "error", "cc has 3 bytes", "rm -r '/cache/a'"],
  ["a note", { library: { ...library, notes: ["CPU build"] } }, "warn", "CPU build", "CUDA_VISIBLE_DEVICES"],
  ["another release", { probe: { ...probe, version: "2.20.0" } }, "warn", "TensorFlow is 2.20.0", "conformance"],
  ["a release candidate", { probe: { ...probe, version: "2.21.0-rc1" } }, "warn", "is 2.21.0-rc1", "conformance"],
  ["an old release", { probe: { ...probe, version: "2.9.1" } }, "warn", "never run with one older", "Unset"],
  ["a busy machine", { system: { ...healthy.system, load: 9.5 } }, "warn", "load 9.5 on 4 cores", "again"],
  ["an unused GPU", { system: { ...healthy.system, nvidiaGpu: true } }, "warn", "does not use it", "LD_LIBRARY_PATH"],
  [
    "an unused GPU whose libraries are missing",
    {
      system: { ...healthy.system, nvidiaGpu: true },
      surroundings: { ...healthy.surroundings, missingGpuLibraries: ["libcudnn.so.9"] },
    },
    "warn",
    "no place of the loader has libcudnn.so.9",
    "pip install tensorflow[and-cuda]",
  ],
  [
    "another copy of TensorFlow",
    {
      surroundings: {
        ...healthy.surroundings,
        otherCopies: [{ file: "/a/libtensorflow_cc.so.2", variable: "LD_LIBRARY_PATH" }],
      },
    },
    "warn",
    "expected one copy:\n/a/libtensorflow_cc.so.2, by LD_LIBRARY_PATH",
    "env -u LD_LIBRARY_PATH bun run winnow doctor",
  ],
  [
    "slow products",
    { probe: { ...probe, measured: { ...probe.measured, gflops: 12 } } },
    "warn",
    "12 GFLOP/s",
    "other programs",
  ],
  [
    "slow ops",
    { probe: { ...probe, measured: { ...probe.measured, opMicroseconds: 99 } } },
    "warn",
    "99 us",
    "other programs",
  ],
  [
    "no compiler",
    { probe: { ...probe, native: { missing: "no C++ compiler was found", remedy: "apt install g++" } } },
    "warn",
    "no native code, slower TensorFlow ops run in its place: no C++ compiler",
    "apt install g++",
  ],
  [
    "native code switched off",
    { probe: { ...probe, native: { missing: "switched off by WINNOW_NATIVE=off" } } },
    "warn",
    "WINNOW_NATIVE=off",
    "Unset WINNOW_NATIVE",
  ],
  [
    "a compiler too old for the best variant",
    {
      probe: { ...probe, native: { ...probe.native, notes: ["compiling gemm.cpp for avx512 failed: no such option"] } },
    },
    "warn",
    "native code is that for avx2",
    "newer compiler",
  ],
  [
    "wrong products",
    { probe: { ...probe, measured: { ...probe.measured, productError: 0.5 } } },
    "error",
    "wrong",
    "Report",
  ],
  ["no engine", { probe: { works: false, why: "SIGILL" } }, "error", "SIGILL", "Report"],
  [
    "no engine with Python's library",
    { library: { ...library, source: "python" }, probe: { works: false, why: "no symbol" } },
    "error",
    "no symbol",
    "leave that Python's environment",
  ],
]

test.each(cases)("%s", (_, change, level, text, remedy) => {
  const [found, ...more] = illnesses(change)
  expect(more).toEqual([])
  expect(found).toMatchObject({
    level,
    text: expect.stringContaining(text),
    remedy: expect.stringContaining(remedy),
  })
})

test("on a GPU native code is not missed", () => {
  const onGpu: Facts["probe"] = { ...probe, usesGpu: true, native: { missing: "a GPU computes" } }
  expect(illnesses({ probe: onGpu })).toEqual([])
})

test("without a library, everything that was tried is one error", () => {
  const attempts = [
    { where: "cache", why: "nothing there" },
    { where: "https", why: "no network", remedy: "Connect to the network." },
  ]
  expect(illnesses({ library: attempts, probe: undefined })).toEqual([
    {
      level: "error",
      about: "library",
      text: "no libtensorflow; tried:\ncache: nothing there\nhttps: no network",
      remedy: "Connect to the network.\nSee docs/engine.md for a machine without network.",
    },
  ])
})

test("errors come before warnings", () => {
  const levels = judge({ ...healthy, bun: { found: "1.0.0", tested: "1.4.5" }, damage: "d", probe: undefined })
  expect(levels.map(({ level }) => level)).toEqual(["error", "warn"])
})

test("a processor whose flags cannot be read is given the benefit of the doubt", () => {
  expect(canRunWheels("linux-x86-64", { ...healthy.processor, instructionSets: [] })).toBe(true)
  expect(canRunWheels("linux-arm64", { ...healthy.processor, instructionSets: ["asimd"] })).toBe(true)
})

test("a killed probe is reported with its last output, a finished one by its answer", () => {
  expect(readProbe("", "a\nb\nc\nd\n", "SIGILL")).toEqual({
    works: false,
    why: "the process that loaded it ended by SIGILL:\nb\nc\nd",
  })
  expect(readProbe('noise\nwinnow-probe:{"works":false,"why":"x"}\n', "", "exit code 0")).toEqual({
    works: false,
    why: "x",
  })
})
