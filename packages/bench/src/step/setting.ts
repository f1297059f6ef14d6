/** The setting that the step's processes share: models, data, filter and loss, from sizes on the command line. */
import { parseArgs } from "node:util"
import { type Decoder, decoderArchitecture, type EncodedExample } from "@winnow/core"
import { batches } from "@winnow/data"
import { adaspec } from "@winnow/filter-adaspec"
import { kl } from "@winnow/loss-kl"
import { gptNeox } from "@winnow/model-gpt-neox"
import { qwen2 } from "@winnow/model-qwen2"
import { initialise, loadDecoder, readArchitecture } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { chunkRowsFor } from "@winnow/training"
import { Effect } from "effect"

const { values } = parseArgs({
  options: {
    draft: { type: "string" },
    target: { type: "string" },
    vocab: { type: "string" },
    batch: { type: "string" },
    length: { type: "string" },
    keep: { type: "string" },
    threads: { type: "string" },
    precision: { type: "string" },
    "top-k": { type: "string" },
    signals: { type: "string" },
    spans: { type: "string" },
    "micro-batches": { type: "string", default: "1" },
    "draft-folder": { type: "string" },
    "target-folder": { type: "string" },
  },
})
const number = (name: "vocab" | "batch" | "length" | "keep" | "threads" | "top-k") => Number(values[name])
const [V, B, T] = [number("vocab"), number("batch"), number("length")]

export const threads = number("threads")
export const precision = values.precision === "bfloat16" ? "bfloat16" : "float32"
/** Folder of the caches `target` and `reference`; undefined for live signals. */
export const signalsFolder = values.signals
/** Number of steps whose spans are printed, without listening for requests; undefined: none. */
export const spanSteps = values.spans === undefined ? undefined : Number(values.spans)
/** The form of the target's cache. */
export const form = { topK: Math.min(V, number("top-k")) } as const
export const chunkRows = chunkRowsFor(V)

const build = (sizes: string, seed: number): Decoder => {
  const [hidden_size, num_hidden_layers, num_attention_heads, intermediate_size] = sizes.split(",").map(Number)
  const use = gptNeox({
    vocab_size: V,
    max_position_embeddings: Math.max(2048, T),
    hidden_size: hidden_size!,
    num_hidden_layers: num_hidden_layers!,
    num_attention_heads: num_attention_heads!,
    intermediate_size: intermediate_size!,
  })
  return initialise(Effect.runSync(use.instance), seed)
}
const [draftFolder, targetFolder] = [values["draft-folder"], values["target-folder"]]
const frozen = async (sizes: string, seed: number, folder: string | undefined): Promise<Decoder> =>
  folder === undefined ? build(sizes, seed) : Effect.runPromise(loadDecoder(folder, [qwen2]))
const fresh = async (): Promise<Decoder> => {
  if (draftFolder === undefined) return build(values.draft!, 1)
  const architecture = await Effect.runPromise(readArchitecture(draftFolder, [qwen2]))
  return initialise(decoderArchitecture(architecture, draftFolder), 1)
}
/** The models, new at each call; the engine must be open. Frozen ones come from folders, if the command line names some. */
export const models = {
  draft: fresh,
  reference: () => frozen(values.draft!, 2, draftFolder),
  target: () => frozen(values.target!, 3, targetFolder),
}

/** Batches of the data set, so that a cache is read at several places. */
const BATCHES = 4
/** Sequences of T + 1 random tokens; T of them are predicted and trained on. */
export const examples: ReadonlyArray<EncodedExample> = Array.from({ length: BATCHES * B }, (_, e) => {
  const rng = seeded(1, "step bench", e)
  return { ids: Int32Array.from({ length: T + 1 }, () => rng.below(V)), promptLength: 0 }
})
/** Parts of a step, each a batch of the source. */
export const microBatches = Number(values["micro-batches"])
export const source = batches(examples, { batchSize: B / microBatches, seed: 1 })

export const plugins = async () => ({
  filter: await Effect.runPromise(adaspec({ k: number("keep") }).instance),
  loss: await Effect.runPromise(kl().instance),
})

/** The identity in the caches, which live for one run. */
export const identity = { run: "bench step" }
