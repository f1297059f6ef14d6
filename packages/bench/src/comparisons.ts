/** The comparisons with a peer. Each runs alone; a command loads its own, and the list loads none. */

/** A comparison with the arguments after its name. */
type Comparison = (args: ReadonlyArray<string>) => Promise<void>

/** The comparisons by name, in the order of the help. */
export const comparisons: Readonly<Record<string, () => Promise<Comparison>>> = {
  step: async () => (await import("./step/bench-step.ts")).benchStep,
  decode: async () => (await import("./decode/bench-decode.ts")).benchDecode,
  together: async () => (await import("./together/bench-together.ts")).benchTogether,
  generate: async () => (await import("./generate/bench-generate.ts")).benchGenerate,
  precision: async () => (await import("./precision/bench-precision.ts")).benchPrecision,
  start: async () => (await import("./start/bench-start.ts")).benchStart,
  load: async () => (await import("./load/bench-load.ts")).benchLoad,
  large: async () => (await import("./large/bench-large.ts")).benchLarge,
  lookup: async () => (await import("./lookup/bench-lookup.ts")).benchLookup,
  packing: async () => (await import("./packing/bench-packing.ts")).benchPacking,
  parallel: async () => (await import("./parallel/bench-parallel.ts")).benchParallel,
  encode: async () => (await import("./encode/bench-encode.ts")).benchEncode,
  heads: async () => (await import("./heads/bench-heads.ts")).benchHeads,
  steady: async () => (await import("./steady/bench-steady.ts")).benchSteady,
  agreement: async () => (await import("./agreement/bench-agreement.ts")).benchAgreement,
}
