/**
 * The variants of the native library: one shared object each, by the abilities of the processor.
 *
 * A variant is a set of compiler flags and defines (`variant.h` reads them) and the processor's flags that it needs.
 */
import { AttemptFailed } from "../library/error.ts"

/** Best first; `amx-emulated` runs the code for AMX on a plain emulation of its tiles, only for tests. */
export const variantNames = ["amx", "avx512-bf16", "avx512", "avx2", "portable", "amx-emulated"] as const
export type Variant = (typeof variantNames)[number]

interface VariantOf {
  /** Compiler flags, defines among them. */
  readonly flags: ReadonlyArray<string>
  /** Processor flags, by their names in /proc/cpuinfo. */
  readonly needs: ReadonlyArray<string>
}

const avx2 = ["-mavx2", "-mfma", "-mf16c"]
const avx512 = [
  "-mavx512f",
  "-mavx512bw",
  "-mavx512dq",
  "-mavx512vl",
  "-mfma",
  "-mprefer-vector-width=512",
  "-DWINNOW_AVX512",
]
const bf16 = [...avx512, "-mavx512bf16", "-DWINNOW_BF16"]
const needsAvx512 = ["fma", "avx512f", "avx512bw", "avx512dq", "avx512vl"]
// Every processor with avx512_bf16 also has the instructions with which decoding multiplies bytes.
const needsBf16 = [...needsAvx512, "avx512_bf16", "avx512_vnni"]

/** The flags and the needs of each variant. */
export const variants: Readonly<Record<Variant, VariantOf>> = {
  amx: { flags: [...bf16, "-mamx-tile", "-mamx-bf16", "-DWINNOW_AMX"], needs: [...needsBf16, "amx_tile", "amx_bf16"] },
  "avx512-bf16": { flags: bf16, needs: needsBf16 },
  avx512: { flags: avx512, needs: needsAvx512 },
  avx2: { flags: [...avx2, "-DWINNOW_AVX2"], needs: ["avx2", "fma", "f16c"] },
  portable: { flags: ["-DWINNOW_PORTABLE"], needs: [] },
  "amx-emulated": { flags: [...bf16, "-DWINNOW_AMX", "-DWINNOW_AMX_EMULATED"], needs: needsBf16 },
}

/** Flags of every variant. Never -ffast-math: NaN and infinity must survive. */
export const commonFlags: ReadonlyArray<string> = [
  "-O3",
  "-std=c++17",
  "-fPIC",
  "-pthread",
  "-fvisibility=hidden",
  "-fno-math-errno",
  "-fno-trapping-math",
  "-ffp-contract=fast",
]

/** The variants that a processor with these flags can run, best first, `amx-emulated` last. */
export const runnable = (processorFlags: ReadonlySet<string>): ReadonlyArray<Variant> =>
  variantNames.filter((name) => variants[name].needs.every((flag) => processorFlags.has(flag)))

/**
 * The variants to try, in this order: those that the processor can run, or the one that WINNOW_NATIVE names.
 *
 * @param choice the value of WINNOW_NATIVE; undefined or empty leaves the choice to the processor
 * @param by the source of the request, for errors
 * @returns empty for "off"
 * @error AttemptFailed for an unknown value, or a variant that the processor lacks
 */
export const variantsToTry = (
  processorFlags: ReadonlySet<string>,
  choice: string | undefined,
  by = "WINNOW_NATIVE",
): ReadonlyArray<Variant> => {
  const can = runnable(processorFlags)
  if (choice === undefined || choice === "") return can.filter((name) => name !== "amx-emulated")
  if (choice === "off") return []
  const exists = `This processor can run ${can.join(", ")}; off switches the native library off.`
  if (!(variantNames as ReadonlyArray<string>).includes(choice))
    throw new AttemptFailed(
      `${by} is "${choice}", expected one of off, ${variantNames.join(", ")}. ${exists}`,
      `Leave ${by} out to have the best variant chosen.`,
    )
  const variant = choice as Variant
  const lacks = variants[variant].needs.filter((flag) => !processorFlags.has(flag))
  if (lacks.length > 0)
    throw new AttemptFailed(
      `${by} is "${variant}", and this processor lacks ${lacks.join(", ")}. ${exists}`,
      `Leave ${by} out to have the best variant chosen.`,
    )
  return [variant]
}
