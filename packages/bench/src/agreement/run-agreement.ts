/** Decodes one pair of models on both sides, prompt by prompt; the result is plain data. */
import { join } from "node:path"
import type { Decoder } from "@winnow/core"
import { modelProposer, type Speculated, speculate } from "@winnow/decoding"
import { sha256OfFile } from "@winnow/files"
import { gptNeox } from "@winnow/model-gpt-neox"
import { llama } from "@winnow/model-llama"
import { loadDecoder, parameterCount } from "@winnow/models"
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import { UsageError } from "../options.ts"
import { type Answer, startWorker, type Worker } from "../side-by-side/worker-process.ts"
import { type Counts, countBlocks, type PeerBlock, sumOf } from "./count.ts"
import { type AgreementOptions, type PairOptions, readIds } from "./options.ts"

/** The peer's answer to one prompt. */
interface PeerText extends Answer {
  readonly tokens: ReadonlyArray<number>
  readonly targetCalls: number
  /** Empty if the target decoded alone. */
  readonly blocks: ReadonlyArray<PeerBlock>
}

/** Counts of one side at one draft length, and ratios of them. */
export interface SideFigures extends Counts {
  readonly tokensPerCall: number
  /** accepted / (accepted + rejected); null at gamma 0. */
  readonly greedyAcceptance: number | null
}

/** The first difference of the two sides' texts. */
export interface TextDifference {
  readonly prompt: number
  readonly position: number
  readonly ours: number | null
  readonly peer: number | null
  /** Largest logit minus second of our target there: near 0 it is a tie that rounding decides. */
  readonly margin: number | null
}

export interface LengthAgreement {
  readonly gamma: number
  /** Number of prompts with the same tokens on both sides. */
  readonly identical: number
  readonly differences: ReadonlyArray<TextDifference>
  /** Number of prompts with the same calls, accepted and rejected tokens on both sides. */
  readonly sameCounts: number
  readonly ours: SideFigures
  readonly peer: SideFigures
  /** Smallest margin of our target at any token. */
  readonly smallestMargin: number
  /** True if all tokens and all counts of all prompts agree. */
  readonly equal: boolean
}

const factsOf = (folder: string, { architecture }: Decoder) => ({
  folder,
  type: architecture.type,
  parameters: parameterCount(architecture),
  vocabularySize: architecture.vocabularySize,
  sha256: sha256OfFile(join(folder, "model.safetensors")),
})

export interface PairAgreement {
  readonly target: ReturnType<typeof factsOf>
  readonly draft: ReturnType<typeof factsOf>
  /** File, number and total length of the prompts. */
  readonly prompts: { readonly file: string; readonly count: number; readonly tokens: number }
  readonly new: number
  readonly eos: number | null
  readonly peer: string
  readonly lengths: ReadonlyArray<LengthAgreement>
  readonly equal: boolean
}

const figuresOf = (counts: ReadonlyArray<Counts>): SideFigures => {
  const sum = sumOf(counts)
  const tested = sum.accepted + sum.rejected
  return {
    ...sum,
    tokensPerCall: sum.emitted / sum.blocks,
    greedyAcceptance: tested === 0 ? null : sum.accepted / tested,
  }
}

/** Compares both sides' texts at one draft length. */
export const compare = (
  gamma: number,
  promptLengths: ReadonlyArray<number>,
  ours: ReadonlyArray<Pick<Speculated, "rollout" | "counts" | "margins">>,
  peer: ReadonlyArray<PeerText>,
): LengthAgreement => {
  const ourCounts = ours.map(({ counts: { blocks, accepted, rejected, emitted } }) => ({
    ...{ blocks, accepted, rejected, emitted },
  }))
  const peerCounts = peer.map(({ tokens, targetCalls, blocks }, i) => ({
    ...countBlocks(promptLengths[i]!, tokens, blocks),
    blocks: targetCalls, // by its own hook: what it did, not what its blocks say
  }))
  const differences = ours.flatMap(({ rollout: { tokens }, margins }, i): ReadonlyArray<TextDifference> => {
    const other = peer[i]!.tokens
    const longer = Math.max(tokens.length, other.length)
    let position = 0
    while (position < longer && tokens[position] === other[position]) position++
    if (position === longer) return []
    const at = { ours: tokens[position] ?? null, peer: other[position] ?? null, margin: margins[position] ?? null }
    return [{ prompt: i, position, ...at }]
  })
  const same = ourCounts.filter((a, i) => {
    const b = peerCounts[i]!
    return a.blocks === b.blocks && a.accepted === b.accepted && a.rejected === b.rejected && a.emitted === b.emitted
  }).length
  return {
    gamma,
    identical: ours.length - differences.length,
    differences,
    sameCounts: same,
    ours: figuresOf(ourCounts),
    peer: figuresOf(peerCounts),
    smallestMargin: Math.min(...ours.flatMap(({ margins }) => margins)),
    equal: differences.length === 0 && same === ours.length,
  }
}

/** The token that ends a text. @error UsageError where config.json names several */
const endOf = (target: Decoder, choice: AgreementOptions["eos"]): number | null => {
  if (choice !== undefined) return choice
  const configured = target.architecture.config["eos_token_id"] ?? null
  if (configured === null || typeof configured === "number") return configured
  throw new UsageError(`config.json has eos_token_id ${JSON.stringify(configured)}, expected one: give --eos ID`)
}

const decodeAll = async (
  peer: Worker,
  models: { readonly target: Decoder; readonly draft: Decoder },
  prompts: ReadonlyArray<ReadonlyArray<number>>,
  o: AgreementOptions,
  eos: number | null,
  say: (line: string) => void,
): Promise<ReadonlyArray<LengthAgreement>> => {
  const lengths: Array<LengthAgreement> = []
  for (const gamma of [0, ...o.gammas]) {
    const options = { draftLength: gamma, maxNew: o.new, ...(eos === null ? {} : { eosId: eos }) }
    const ours = await speculate(models.target, modelProposer(models.draft), prompts, options)
    const theirs: Array<PeerText> = []
    for (const ids of prompts) theirs.push(await peer.ask<PeerText>(JSON.stringify({ gamma, ids, new: o.new })))
    const comparison = compare(
      gamma,
      prompts.map(({ length }) => length),
      ours,
      theirs,
    )
    lengths.push(comparison)
    say(
      `gamma ${gamma}: ${comparison.identical} of ${prompts.length} texts identical, ${comparison.sameCounts} with equal counts`,
    )
  }
  return lengths
}

/**
 * Decodes the prompts of a pair on both sides, greedy, at each draft length and without a draft.
 *
 * @param say gets a line for each draft length, for a terminal
 * @error UsageError for bad prompts or a bad end token; the errors of `loadDecoder`; WorkerEnded when the peer fails
 */
export const runAgreement = async (
  o: AgreementOptions,
  pair: PairOptions,
  say: (line: string) => void,
): Promise<PairAgreement> => {
  const prompts = readIds(pair.prompts).slice(0, o.limit)
  await openEngine()
  const load = (folder: string) => Effect.runPromise(loadDecoder(folder, [gptNeox, llama]))
  const target = await load(pair.target)
  const draft = await load(pair.draft)
  try {
    const eos = endOf(target, o.eos)
    const script = join(import.meta.dir, "../../peers/hf_agreement.py")
    const folders = ["--target", pair.target, "--draft", pair.draft]
    const end = eos === null ? [] : ["--eos", String(eos)]
    const peer = await startWorker([o.peer, script, ...folders, "--threads", String(o.threads), ...end])
    say(`${pair.target}: started ${peer.name}`)
    const lengths = await decodeAll(peer, { target, draft }, prompts, o, eos, say)
    await peer.end()
    return {
      target: factsOf(pair.target, target),
      draft: factsOf(pair.draft, draft),
      prompts: {
        file: pair.prompts,
        count: prompts.length,
        tokens: prompts.reduce((sum, { length }) => sum + length, 0),
      },
      new: o.new,
      eos,
      peer: peer.name,
      lengths,
      equal: lengths.every(({ equal }) => equal),
    }
  } finally {
    for (const model of [target, draft]) model.dispose()
  }
}
