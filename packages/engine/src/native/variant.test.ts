import { expect, test } from "bun:test"
import { runnable, variantNames, variants, variantsToTry } from "./variant.ts"

const avx2 = ["avx", "avx2", "fma", "f16c"]
const avx512 = [...avx2, "avx512f", "avx512bw", "avx512dq", "avx512vl"]
const bf16 = [...avx512, "avx512_bf16", "avx512_vnni"]

test.each([
  ["no known flag", [], ["portable"]],
  ["AVX2 without FMA", ["avx2", "f16c"], ["portable"]],
  ["AVX2", avx2, ["avx2", "portable"]],
  ["AVX-512 of the first kind, without DQ", [...avx2, "avx512f"], ["avx2", "portable"]],
  ["AVX-512", avx512, ["avx512", "avx2", "portable"]],
  ["AVX-512 BF16", bf16, ["avx512-bf16", "avx512", "avx2", "portable"]],
  ["AMX", [...bf16, "amx_tile", "amx_bf16"], ["amx", "avx512-bf16", "avx512", "avx2", "portable"]],
  ["Arm", ["asimd", "bf16"], ["portable"]],
])("%s", (_, flags, expected) => {
  expect(variantsToTry(new Set(flags), undefined) as ReadonlyArray<string>).toEqual(expected)
  expect(variantsToTry(new Set(flags), "").length).toBe(expected.length)
})

test("the emulation of AMX is run when asked for alone", () => {
  expect(runnable(new Set(bf16))).toContain("amx-emulated")
  expect(variantsToTry(new Set(bf16), "amx-emulated")).toEqual(["amx-emulated"])
})

test("WINNOW_NATIVE: off, a word that is unknown, a variant that the processor lacks", () => {
  expect(variantsToTry(new Set(), "off")).toEqual([])
  expect(() => variantsToTry(new Set(avx2), "avx1024")).toThrow(
    'WINNOW_NATIVE is "avx1024", expected one of off, amx, avx512-bf16, avx512, avx2, portable, amx-emulated. ' +
      "This processor can run avx2, portable; off switches the native library off.",
  )
  expect(() => variantsToTry(new Set(avx512), "amx")).toThrow("lacks avx512_bf16, avx512_vnni, amx_tile, amx_bf16")
})

test("no variant lets the compiler lose NaN and infinity", () => {
  for (const name of variantNames) expect(variants[name].flags.join(" ")).not.toMatch(/fast-math|finite-math|Ofast/)
})
