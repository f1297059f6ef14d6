/**
 * The common parts of the stages that compute signals of frozen models: shards, sizes, costs, identity of the data.
 */
import type { AnyUse, Architecture, Attends } from "@winnow/core"
import type { EncodedTask } from "@winnow/data"
import { type Shard, type SignalsHeader, type SignalsIdentity, type SignalsSize, shardCount } from "@winnow/training"
import { forwardFlops } from "../budget.ts"
import type { Stage, StageContext, Work } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import { keyOf } from "../store/key.ts"
import type { Artifact } from "../store/store.ts"
import { binary } from "../table/format.ts"
import { shardedStage } from "./sharded-signals.ts"

/** The code of a cache: the revision of signals, and the plugins that it reads. */
export const code = (...plugins: ReadonlyArray<AnyUse>) => stageCode({ revisions: ["signals"], tensors: true, plugins })

/** Identity of the data and its tokens: the ids of the training split, and the key of the tokenizer that encoded them. */
export const dataOf = ({ manifest }: Artifact) => {
  const files = manifest.files.filter(({ path }) => path.startsWith("train."))
  const [tokenizer] = (manifest.made as { inputs: ReadonlyArray<{ readonly key: string }> }).inputs
  return {
    data: keyOf(Object.fromEntries(files.map(({ path, sha256 }) => [path, sha256]))),
    tokenizer: tokenizer?.key ?? "",
  }
}

/** The size of a cache as text, for a note before the stage writes it. */
export const sizeText = ({ tokens, bytesPerToken, bytes, bytesLeft, free }: SignalsSize): string => {
  const rest = bytesLeft < bytes ? `, ${binary(bytesLeft)} of it still to be written` : ""
  return `${tokens} tokens of ${bytesPerToken} bytes, ${binary(bytes)}${rest}; ${binary(free)} are free`
}

/** The settings of a cache that its stage gives. */
export const makingOptions = (
  context: StageContext,
  text: EncodedTask,
  identity: SignalsIdentity,
  shard: Shard | undefined,
) => ({
  directory: context.directory,
  identity,
  shard,
  examples: text.examples,
  onSize: (size: SignalsSize) => context.note(sizeText(size)),
  onProgress: (done: number, of: number) => context.progress(done, of),
  onDamage: context.warn,
})

/**
 * The summary of a cache. That of a shard covers its own examples, and holds the summary of the whole cache.
 *
 * @param rows of the whole cache
 * @param flops of a pass over so many tokens
 */
export const summaryOf = (
  text: EncodedTask,
  { pieces, bytesPerToken, tokens }: SignalsHeader,
  shard: Shard | undefined,
  rows: number,
  flops: (size: SplitSize) => number,
) => {
  const size = sizeOf(text)
  const whole = {
    tokens: text.tokens,
    tokensValid: rows,
    bytes: rows * bytesPerToken,
    flops: flops(size),
  }
  if (shard === undefined) return whole
  let [own, examples] = [0, 0]
  for (const piece of pieces)
    for (const { ids } of text.examples.slice(piece.firstExample, piece.firstExample + piece.examples)) {
      own += ids.length
      examples++
    }
  return {
    tokens: own,
    tokensValid: tokens,
    bytes: tokens * bytesPerToken,
    flops: flops({ seen: own - examples, trained: tokens, length: size.length }),
    whole,
  }
}

/** The stages of a cache: one, or shards and the stage that lists them. */
export const inShards = (
  asked: number | undefined,
  label: string,
  tokens: number | undefined,
  perToken: number,
  stageOf: (label: string, shard: Shard | undefined) => Stage,
): Stage => {
  const of = asked ?? shardCount(tokens === undefined ? undefined : { tokens, bytes: tokens * perToken })
  if (of === 1) return stageOf(label, undefined)
  const shards = Array.from({ length: of }, (_, index) =>
    stageOf(`${label}, shard ${index + 1} of ${of}`, { index, of }),
  )
  return shardedStage(label, shards, code())
}

/** The part of an estimate that falls to one shard. */
export const partOfWork = (
  { tokens, flops, bytes }: { readonly tokens: number; readonly flops: number; readonly bytes: number },
  shard: Shard | undefined,
  table = 0,
): Work => {
  const of = shard?.of ?? 1
  return { tokens: tokens / of, flops: flops / of, bytes: bytes / of + ((shard?.index ?? 0) === 0 ? table : 0) }
}

/** Tokens of the training split, for estimates. */
export interface SplitSize {
  readonly seen: number
  readonly trained: number
  /** Mean context length. */
  readonly length: number
}

/** FLOPs of one pass of a model over the data: the trunk, and the head where the pass computes logits. */
export const onePass = ({ seen, trained, length }: SplitSize, of: Architecture<Attends>, withHead: boolean): number =>
  forwardFlops(of, { trunk: seen, head: withHead ? trained : 0, length })

/** Tokens of encoded text. */
export const sizeOf = (text: EncodedTask): SplitSize => ({
  // The last token of each example is predicted and not read.
  seen: text.tokens - text.examples.length,
  trained: text.trained,
  length: text.tokens / text.examples.length,
})
