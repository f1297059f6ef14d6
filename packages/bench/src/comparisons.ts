/** The comparisons with a peer. Each runs alone; a command loads its own, and the list loads none. */

/** A comparison with the arguments after its name. */
type Comparison = (args: ReadonlyArray<string>) => Promise<void>

interface ComparisonEntry {
  /** A line of the help. */
  readonly about: string
  readonly open: () => Promise<Comparison>
}

/** The comparisons by name, in the order of the help. */
export const comparisons: Readonly<Record<string, ComparisonEntry>> = {
  step: {
    about: "the selective step side by side with PyTorch",
    open: async () => (await import("./step/bench-step.ts")).benchStep,
  },
  decode: {
    about: "decoding with and without a draft side by side with transformers, or with llama.cpp and its fork",
    open: async () => (await import("./decode/bench-decode.ts")).benchDecode,
  },
  together: {
    about: "several prompts decoded with a draft at once, and one at a time",
    open: async () => (await import("./together/bench-together.ts")).benchTogether,
  },
  generate: {
    about: "many prompts at once and one at a time, side by side with transformers",
    open: async () => (await import("./generate/bench-generate.ts")).benchGenerate,
  },
  precision: {
    about: "quality of decoding in bfloat16 and in 8 bits",
    open: async () => (await import("./precision/bench-precision.ts")).benchPrecision,
  },
  start: {
    about: "seconds to the first token of winnow generate and evaluate",
    open: async () => (await import("./start/bench-start.ts")).benchStart,
  },
  load: {
    about: "reading a model directory side by side with safetensors",
    open: async () => (await import("./load/bench-load.ts")).benchLoad,
  },
  large: {
    about: "a model of a published shape in bfloat16: memory, loading, decoding",
    open: async () => (await import("./large/bench-large.ts")).benchLarge,
  },
  lookup: {
    about: "the share of data sets' answers that prompt look-up proposes; no model runs",
    open: async () => (await import("./lookup/bench-lookup.ts")).benchLookup,
  },
  packing: {
    about: "tokens a second of trainings on GSM8K with padded and packed rows",
    open: async () => (await import("./packing/bench-packing.ts")).benchPacking,
  },
  parallel: {
    about: "a step that two processes share beside one process, side by side with PyTorch's DDP",
    open: async () => (await import("./parallel/bench-parallel.ts")).benchParallel,
  },
  encode: {
    about: "text to ids in batches side by side with Python's tokenizers",
    open: async () => (await import("./encode/bench-encode.ts")).benchEncode,
  },
  heads: {
    about: "training a head with its target, on the frozen target, and on stored states",
    open: async () => (await import("./heads/bench-heads.ts")).benchHeads,
  },
  steady: {
    about: "10 000 training steps, and whether memory grows",
    open: async () => (await import("./steady/bench-steady.ts")).benchSteady,
  },
  agreement: {
    about: "tokens and counts of decoding with a draft, compared with transformers'",
    open: async () => (await import("./agreement/bench-agreement.ts")).benchAgreement,
  },
}
