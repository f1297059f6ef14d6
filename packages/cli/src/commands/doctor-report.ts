/** Formats a diagnosis: facts in two columns, then faults, then passed checks. */
import { homedir } from "node:os"
import type { Diagnosis, Finding } from "@winnow/engine"
import { wrap } from "@winnow/lab/outside"
import { plural } from "../sized.ts"

const names: Readonly<Record<string, string>> = {
  avx: "AVX",
  avx2: "AVX2",
  fma: "FMA",
  avx_vnni: "AVX-VNNI",
  avx512f: "AVX-512",
  avx512_vnni: "AVX-512 VNNI",
  avx512_bf16: "AVX-512 BF16",
  avx512_fp16: "AVX-512 FP16",
  amx_tile: "AMX",
  amx_int8: "AMX INT8",
  amx_bf16: "AMX BF16",
  asimd: "Neon",
  asimdhp: "FP16",
  asimddp: "dot product",
  i8mm: "I8MM",
  bf16: "BF16",
  sve: "SVE",
  sve2: "SVE2",
  svebf16: "SVE BF16",
  sme: "SME",
}

const home = (path: string) => (path.startsWith(`${homedir()}/`) ? `~${path.slice(homedir().length)}` : path)
const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`
const rate = (gflops: number) => `${gflops >= 100 ? Math.round(gflops) : gflops.toFixed(1)} GFLOP/s`
const list = (words: ReadonlyArray<string>, none: string) => (words.length === 0 ? none : words.join(", "))

/** Rows of label and text; a row with an empty label continues the one above. */
const facts = (diagnosis: Diagnosis): ReadonlyArray<readonly [string, string]> => {
  const { library, engine, processor, system, measured, versions } = diagnosis
  const { product, opMicroseconds } = measured
  const rows: Array<readonly [string, string]> = []
  if (library === null) rows.push(["library", "none"])
  else {
    const version = library.tensorflow ?? library.version
    rows.push(["library", `libtensorflow ${version}${library.flavour === undefined ? "" : ` (${library.flavour})`}`])
    rows.push(["from", `${library.source}: ${library.origin}`], ["", home(library.directory)])
  }
  const device = engine.device ?? "none, the engine does not open"
  rows.push(["device", `${device}, ${plural(engine.threads, "thread")}`])
  for (const name of engine.devices) if (engine.devices.length > 1) rows.push(["", name])
  const { native } = diagnosis
  if (native !== null) rows.push(["native code", "missing" in native ? "none" : native.variant])
  if (native !== null && !("missing" in native)) rows.push(["", home(native.path)])
  rows.push([
    "processor",
    `${processor.model}, ${plural(processor.threads, "core")}, ${gigabytes(system.memory)} of memory`,
  ])
  if (processor.quota !== undefined) rows.push(["", `limited to ${processor.quota} cores' time`])
  rows.push([
    "instructions",
    list(
      processor.instructionSets.map((name) => names[name] ?? name),
      "not known",
    ),
  ])
  rows.push(["bfloat16", processor.bfloat16 === "none" ? "no instructions for it" : `by ${processor.bfloat16}`])
  rows.push(["system", `${system.release}${system.glibc === undefined ? "" : `, glibc ${system.glibc}`}`])
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  for (let i = 0; i < packages.length; i += 3)
    rows.push([i === 0 ? "versions" : "", packages.slice(i, i + 3).join(", ")])
  if (product !== null) {
    rows.push(["product", `${rate(product.gflops)}  float32, ${product.size} x ${product.size}`])
    if (product.bfloat16Gflops !== null) rows.push(["", `${rate(product.bfloat16Gflops)}  with bfloat16 operands`])
    if (product.native !== null)
      for (const [precision, gflops] of Object.entries(product.native))
        rows.push(["", `${rate(gflops)}  native, ${precision}`])
  }
  if (opMicroseconds !== null) rows.push(["one op", `${opMicroseconds.toFixed(1)} us  addition of 16 numbers`])
  return rows
}

const mark = { ok: "ok   ", warn: "warn ", error: "ERROR" } as const
const colour = { ok: 32, warn: 33, error: 31 } as const

/** Columns of the report; a path that is longer stays whole, to be copied. */
const columns = 80

const finding = ({ level, text, remedy }: Finding, colours: boolean): string => {
  const lines = text.split("\n").map((line, i) => wrap(line, columns, i === 0 ? `  ${mark[level]}  ` : "         "))
  const ways = (remedy?.split("\n") ?? []).map((way) => wrap(way, columns, "         -> "))
  const plain = [...lines, ...ways].join("\n")
  return colours ? plain.replace(mark[level], `\x1b[${colour[level]}m${mark[level]}\x1b[0m`) : plain
}

/** The report, without a newline at its end; `colours` for a terminal. */
export const doctorReport = (diagnosis: Diagnosis, colours = false): string => {
  const rows = facts(diagnosis)
  const width = Math.max(...rows.map(([label]) => label.length))
  const verdict = diagnosis.works ? "The engine works." : "The engine cannot work."
  return [
    ...rows.map(([label, text]) => wrap(text, columns, `  ${label.padEnd(width)}  `)),
    "",
    ...diagnosis.findings.map((one) => finding(one, colours)),
    "",
    verdict,
  ].join("\n")
}
