/** The report for people, and the command as a process: exit codes, stdout, stderr. */
import { expect, test } from "bun:test"
import type { Diagnosis } from "@winnow/engine"
import { doctorReport } from "./doctor-report.ts"
import { runCli } from "./run-cli.fixture.ts"

const diagnosis: Diagnosis = {
  works: true,
  library: {
    directory: "/cache/2.21.0-linux-x86-64-cpu",
    version: "2.21.0",
    tensorflow: "2.21.0",
    source: "cache",
    flavour: "cpu",
    platform: "linux-x86-64",
    files: { cc: "/cc", framework: "/framework" },
    origin: "unpacked from tensorflow_cpu.whl",
    notes: [],
  },
  attempts: [],
  system: {
    platform: "linux-x86-64",
    glibc: "2.36",
    memory: 16e9,
    availableMemory: 12e9,
    nvidiaGpu: false,
    load: 0.4,
    release: "linux 6.1",
  },
  processor: {
    model: "Xeon",
    threads: 2,
    quota: undefined,
    instructionSets: ["avx2", "amx_bf16"],
    bfloat16: "AMX",
  },
  surroundings: { disks: [], locale: undefined, otherCopies: [], missingGpuLibraries: [] },
  engine: { devices: ["CPU:0"], device: "CPU", threads: 2 },
  native: { variant: "amx", path: "/cache/native/amx-0/libwinnow.so", sources: "0", notes: [] },
  measured: {
    product: { size: 2048, gflops: 271.4, bfloat16Gflops: 720.2, native: { float32: 251, bfloat16: 811 } },
    opMicroseconds: 6.34,
  },
  versions: { bun: "1.4.5", "@tensorflow/tfjs": "4.22.0" },
  findings: [
    { level: "warn", about: "threads", text: "two\nlines", remedy: "one way\nanother" },
    { level: "ok", about: "bun", text: "Bun 1.4.5" },
  ],
}

test("facts stand in two columns, findings below", () => {
  expect(doctorReport(diagnosis)).toBe(`  library       libtensorflow 2.21.0 (cpu)
  from          cache: unpacked from tensorflow_cpu.whl
                /cache/2.21.0-linux-x86-64-cpu
  device        CPU, 2 threads
  native code   amx
                /cache/native/amx-0/libwinnow.so
  processor     Xeon, 2 cores, 16.0 GB of memory
  instructions  AVX2, AMX BF16
  bfloat16      by AMX
  system        linux 6.1, glibc 2.36
  versions      bun 1.4.5, @tensorflow/tfjs 4.22.0
  product       271 GFLOP/s  float32, 2048 x 2048
                720 GFLOP/s  with bfloat16 operands
                251 GFLOP/s  native, float32
                811 GFLOP/s  native, bfloat16
  one op        6.3 us  addition of 16 numbers

  warn   two
         lines
         -> one way
         -> another
  ok     Bun 1.4.5

The engine works.`)
})

test("no line has more than 80 columns but by a path, which stays whole", () => {
  const path = `/cache/native/${"x".repeat(90)}/libwinnow.so`
  const long = Array.from({ length: 30 }, (_, i) => `word${i}`).join(" ")
  const report = doctorReport({
    ...diagnosis,
    native: { variant: "amx", path, sources: "0", notes: [] },
    versions: { bun: "1.4.5", "@tensorflow/tfjs-node-gpu": "4.22.0", "@winnow/cli": "0.1.0", effect: "4.1.0" },
    findings: [{ level: "warn", about: "threads", text: long, remedy: long }],
  })
  const over = report.split("\n").filter((line) => Bun.stringWidth(line) > 80)
  expect(over).toEqual([`                ${path}`])
  expect(report.replace(/\s+/g, " ")).toContain(`warn ${long} -> ${long}`)
})

test("colours only where they are asked for", () => {
  expect(doctorReport(diagnosis)).not.toContain("\x1b")
  expect(doctorReport(diagnosis, true)).toContain("\x1b[33mwarn \x1b[0m  two")
})

test("the report of a machine without an engine has no figures", () => {
  const { product: _, ...measured } = diagnosis.measured
  const report = doctorReport({
    ...diagnosis,
    works: false,
    library: null,
    engine: { devices: [], device: null, threads: 2 },
    native: null,
    measured: { ...measured, product: null, opMicroseconds: null },
  })
  expect(report).toStartWith("  library       none\n  device        none, the engine does not open")
  expect(report).not.toContain("GFLOP")
  expect(report).toEndWith("The engine cannot work.")
})

test("an engine that cannot work ends with 1, says why on stdout, and logs nothing besides", async () => {
  const { code, out, err } = await runCli(["doctor", "--json"], { WINNOW_LIBTENSORFLOW: "/nowhere" })
  expect(code).toBe(1)
  expect(JSON.parse(out)).toMatchObject({ works: false, library: null, versions: { effect: "4.1.0" } })
  expect(err).toBe("")
})

test("without native code the report says so in one word, the finding why", () => {
  const report = doctorReport({ ...diagnosis, native: { missing: "no C++ compiler was found" } })
  expect(report).toContain("  native code   none\n  processor ")
})

test("an engine that works ends with 0", async () => {
  const { code, out } = await runCli(["doctor", "--json"], {})
  const { works, measured, engine, library } = JSON.parse(out)
  expect({ code, works }).toEqual({ code: 0, works: true })
  expect(measured.product.gflops).toBeGreaterThan(0)
  expect(engine.devices.length).toBeGreaterThan(0)
  expect(library.tensorflow).toMatch(/^2\./)
})
