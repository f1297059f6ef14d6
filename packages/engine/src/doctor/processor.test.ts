import { expect, test } from "bun:test"
import { bfloat16Of, instructionSetsOf, instructionSetsOfSysctl, processor, quotaOf } from "./processor.ts"

test("x86: the relevant flags, in order of age, among any others", () => {
  const text =
    "processor\t: 0\nflags\t\t: fpu avx512f vme amx_tile amx_bf16 avx2 avx fma avx512_bf16\nbugs\t\t: avx_none\n"
  expect(instructionSetsOf(text)).toEqual(["avx", "avx2", "fma", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16"])
})

test("Arm: Linux's features and macOS's", () => {
  expect(instructionSetsOf("Features\t: fp asimd asimdhp i8mm bf16 sve\n")).toEqual([
    "asimd",
    "asimdhp",
    "i8mm",
    "bf16",
    "sve",
  ])
  const sysctl = "hw.optional.arm.FEAT_BF16: 1\nhw.optional.arm.FEAT_SME: 0\nhw.optional.arm.FEAT_I8MM: 1\n"
  expect(instructionSetsOfSysctl(sysctl)).toEqual(["asimd", "i8mm", "bf16"])
})

test("bfloat16 goes by the fastest instructions there are", () => {
  expect(bfloat16Of(["avx512_bf16", "amx_bf16"])).toBe("AMX")
  expect(bfloat16Of(["avx512f", "avx512_bf16"])).toBe("AVX-512")
  expect(bfloat16Of(["asimd", "bf16"])).toBe("Arm")
  expect(bfloat16Of(["avx512f", "amx_tile"])).toBe("none")
})

test("a container's limit is reported in cores", () => {
  expect(quotaOf("150000 100000\n")).toBe(1.5)
  expect(quotaOf("max 100000\n")).toBeUndefined()
  expect(quotaOf("")).toBeUndefined()
})

test("this machine has a processor", () => {
  const { model, threads, instructionSets } = processor()
  expect(model).not.toBe("")
  expect(threads).toBeGreaterThan(0)
  expect(instructionSets).toContain(process.arch === "arm64" ? "asimd" : "avx")
})
