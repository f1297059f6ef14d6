/**
 * Speculative decoding of one sequence: a proposer guesses tokens, the target verifies all of them in one call.
 *
 * Letters: g tokens proposed in a block, L tokens of the text so far (prompt and emitted), V vocabulary.
 *
 * The target's cache holds the first L - 1 tokens when a block begins, nothing at first. One call reads the rest of the
 * text and the g proposed tokens and gives g + 1 distributions; then the cache is rolled back to the accepted text. Of a
 * tree it keeps the accepted path. A proposer that reads the target's states proposes from the second block on: the first
 * call gives it the prompt's.
 */
import {
  type Asking,
  type Choices,
  checkedIds,
  checkedOptions,
  type Decoder,
  type Decoding,
  type Proposal,
  type Proposer,
  type ProposerSequence,
  type SeenStates,
  samplingOf,
  samplingOptions,
} from "@winnow/core"
import {
  answered,
  askChoices,
  askDistributions,
  type Ending,
  type Finish,
  finishOf,
  limitOf,
  type Rollout,
  type Session,
  type Stop,
  unseen,
} from "@winnow/generation"
import { seeded } from "@winnow/numerics"
import {
  type Chance,
  chanceOf,
  childrenOf,
  depthOf,
  type Judging,
  type Verdict,
  verify,
  verifyGreedy,
} from "./block.ts"
import { proposalRoom, readableLength } from "./block-structure.ts"
import type { BlockCounts } from "./counts.ts"
import { DraftLength, draftLengthOption } from "./draft-length.ts"
import { requireAllIds, requireSameVocabulary } from "./evidence.ts"
import { parameterRatio } from "./parameter-ratio.ts"
import { seenStates } from "./seen-states.ts"

/** Options of speculative decoding, with sampling options for both target and proposer. */
export const speculativeOptions = samplingOptions.merge({
  "+": "reject",
  /**
   * gamma: tokens proposed for each target call; 0 is the target alone, without the proposer. Or `{ most: 8 }`: the
   * best length from 1 to `most`, chosen before each block from acceptance and cost so far (`bestDraftLength`).
   */
  draftLength: draftLengthOption,
  /** Most tokens to emit; no block exceeds it. */
  maxNew: "number.integer >= 1",
  "eosId?": "number.integer >= 0",
  seed: "number.integer & number.safe = 0",
  /** Separates the streams of several prompts. */
  index: "number.integer >= 0 = 0",
})

export type SpeculativeOptions = typeof speculativeOptions.inferIn

/** Counts of one sequence; `emitted`, `accepted` and `rejected` cover the text after it was cut at its end. */
export interface SpeculativeCounts extends BlockCounts {
  /** Tokens proposed. */
  readonly proposed: number
  /** Tokens before blocks were cut at the end of the text: the sum of accepted + 1 over blocks. */
  readonly untruncated: number
  /** Corrections drawn from p because the residual was zero by rounding. */
  readonly fallbacks: number
  /** How often a token was judged that has so many siblings before it, from 0; of a chain all have none. */
  readonly testedRank: ReadonlyArray<number>
  /** How often it was accepted; as long as `testedRank`. */
  readonly acceptedRank: ReadonlyArray<number>
}

/** Seconds of each side; the first block, which also reads the prompt, is counted apart. */
export interface SpeculativeTiming {
  readonly firstBlock: number
  /** Seconds of all proposals but the first, including proposals without a token. */
  readonly draft: number
  readonly target: number
  /** Tokens of these proposals. */
  readonly proposed: number
  /** Their places, the tokens of the longest path: as many as tokens, unless they are trees. */
  readonly places: number
  readonly targetCalls: number
  readonly total: number
}

/** An empty proposal: the target's call gives one token. */
const nothing: Proposal = { tokens: [], q: "certain" }

/** Counts one more of each of the first `n` ranks. */
const addRanks = (ranks: Array<number>, n: number): void => {
  for (let rank = 0; rank < n; rank++) ranks[rank] = (ranks[rank] ?? 0) + 1
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** One sequence in steps of one block. The caller disposes it; `drive` does. */
export class SpeculativeSession implements Session {
  readonly #options: typeof speculativeOptions.infer
  readonly #ending: Ending
  readonly #chance: Chance
  readonly #verify: typeof verify
  readonly #target: Decoding
  readonly #sequence: ProposerSequence | undefined
  readonly #prompt: Int32Array
  readonly #text: Array<number>
  readonly #length: DraftLength
  /** The target's states since the last proposal, for a proposer that reads them. */
  #seen: SeenStates | undefined
  readonly #tokens: Array<number> = []
  readonly #margins: Array<number> = []
  readonly #counts: Mutable<Omit<SpeculativeCounts, "testedAt" | "acceptedAt" | "testedRank" | "acceptedRank">> = {
    blocks: 0,
    accepted: 0,
    rejected: 0,
    emitted: 0,
    proposed: 0,
    untruncated: 0,
    fallbacks: 0,
  }
  readonly #testedAt: Array<number>
  readonly #acceptedAt: Array<number>
  readonly #testedRank: Array<number> = []
  readonly #acceptedRank: Array<number> = []
  readonly #timing: Mutable<SpeculativeTiming> = {
    firstBlock: 0,
    draft: 0,
    target: 0,
    proposed: 0,
    places: 0,
    targetCalls: 0,
    total: 0,
  }
  #finish: Finish | undefined

  /**
   * @param proposer may be undefined at draft length 0
   * @param judging for tests; by default chance is the stream of seed and index
   * @error InvalidInput for bad options and ids outside the vocabulary; RangeError for a bad prompt; Error if
   * vocabularies differ or a proposer is missing
   */
  constructor(
    readonly target: Decoder,
    readonly proposer: Proposer | undefined,
    prompt: ArrayLike<number>,
    options: SpeculativeOptions,
    stop?: Stop,
    judging: Judging = {},
  ) {
    this.#options = checkedOptions("speculative decoding", speculativeOptions, options)
    const { draftLength, maxNew, eosId, seed, index } = this.#options
    if (draftLength !== 0 && proposer === undefined)
      throw new Error(
        `draft length ${JSON.stringify(draftLength)} without a proposer: give one, such as modelProposer(draft), or draft length 0`,
      )
    if (proposer !== undefined) {
      requireSameVocabulary(target, proposer)
      requireAllIds(target)
    }
    this.#ending = { eosId, stop, limit: limitOf(prompt, maxNew, target.architecture.maxLength) }
    this.#chance = judging.chance ?? chanceOf(seeded(seed, "speculative", index))
    this.#verify = judging.verify ?? verify
    this.#prompt = checkedIds(`prompt ${index}`, prompt, target.architecture.vocabularySize)
    this.#text = Array.from(this.#prompt)
    this.#length = new DraftLength(draftLength, proposer === undefined ? 1 : parameterRatio(target, proposer))
    this.#testedAt = new Array(this.#length.most).fill(0)
    this.#acceptedAt = new Array(this.#length.most).fill(0)
    this.#target = target.decoding(undefined, draftLength === 0 ? undefined : proposer?.reads?.layers)
    const { vocabularySize } = target.architecture
    const sampling = samplingOf(this.#options)
    this.#sequence = draftLength === 0 ? undefined : proposer!.begin({ sampling, vocabularySize, eosId })
  }

  step(): boolean {
    return answered(this.block())
  }

  /** One block, as a computation that asks for its calls; false at the end of the text. */
  *block(): Asking<boolean> {
    if (this.#finish !== undefined) return false
    const began = performance.now()
    const L = this.#text.length
    const proposal = yield* this.#propose()
    const drafting = performance.now()
    const from = this.#target.length
    const { path } = yield* this.#judge(proposal)
    this.#see(from, L, proposal, path)
    if (proposal.parents === undefined) this.#target.rollback(L + path.length)
    else this.#target.rollback(L, Int32Array.from(path))
    if (proposal.tokens.length > 0) this.#sequence?.accept?.(path.length, path)
    this.#time(began, drafting, proposal)
    return this.#finish === undefined
  }

  /** Keeps the states of the positions of a call that are text now, for the next proposal. */
  #see(from: number, L: number, { tokens }: Proposal, path: ReadonlyArray<number>): void {
    const reads = this.#sequence && this.proposer?.reads
    if (reads === undefined) return
    const text = Array.from({ length: L - from }, (_, row) => row)
    const rows = [...text, ...path.map((place) => L - from + place)]
    this.#seen = seenStates(this.#target, reads, { from, T: L + tokens.length - from, rows })
  }

  /** Calls the target on the unread text and the block, and emits the resulting tokens. */
  *#judge(proposal: Proposal): Asking<Verdict> {
    const ids = unseen(this.#target, this.#text, proposal.tokens)
    const parents = proposal.parents && Int32Array.from(proposal.parents)
    const call = { model: this.target, decoding: this.#target, ids, rows: proposal.tokens.length + 1, parents }
    if (this.#options.temperature > 0) {
      const p = yield* askDistributions(call, this.#options)
      const verdict = this.#verify(proposal, p, this.#chance)
      this.#emit(proposal, verdict)
      return verdict
    }
    const choices = yield* askChoices(call, true)
    const verdict = verifyGreedy(proposal, choices.argmax)
    this.#emit(proposal, verdict, choices)
    return verdict
  }

  /** The proposal of the block; empty where its length, the length limit or the context leaves no room. */
  *#propose(): Asking<Proposal> {
    const isBlind = this.proposer?.reads !== undefined && this.#seen === undefined
    if (this.#sequence === undefined || isBlind) return nothing
    const rules = {
      draftLength: this.#length.next(this.#measuredCostRatio()),
      limit: this.#ending.limit,
      readable: readableLength(this.#prompt.length, this.proposer!.maxLength),
    }
    const room = proposalRoom(this.#tokens.length, rules)
    if (room === 0) return nothing
    const seen = this.#seen && { seen: this.#seen }
    const context = { text: this.#text, room, draw: this.#chance.draw, ...seen }
    return this.#sequence.asking === undefined ? this.#sequence.propose(context) : yield* this.#sequence.asking(context)
  }

  /** Seconds of a place of a block over seconds of a target call, once both are timed. */
  #measuredCostRatio(): number | undefined {
    const { draft, target, places, targetCalls } = this.#timing
    return places > 0 && targetCalls > 0 ? draft / places / (target / targetCalls) : undefined
  }

  /** Appends the block's tokens up to the end of the text, and counts them. */
  #emit(proposal: Proposal, { path, own, fallback }: Verdict, choices?: Choices): void {
    const accepted = path.length
    const block = [...path.map((place) => proposal.tokens[place]!), own]
    /** The siblings at each place of the block, up to the one after the path. */
    const siblings = [-1, ...path].map((place) => childrenOf(proposal, place))
    const refused = siblings[accepted]!.length > 0
    let kept = 0
    while (kept < block.length && this.#finish === undefined) {
      this.#tokens.push(block[kept]!)
      this.#text.push(block[kept]!)
      if (choices !== undefined) this.#margins.push(choices.margin[(path[kept - 1] ?? -1) + 1]!)
      kept++
      this.#finish = finishOf(this.#tokens, this.#ending)
    }
    const acceptedKept = Math.min(accepted, kept)
    const rejectedKept = refused && kept === block.length ? 1 : 0
    this.#length.learn(accepted, refused ? 1 : 0)
    const counts = this.#counts
    counts.blocks++
    counts.proposed += proposal.tokens.length
    counts.accepted += acceptedKept
    counts.rejected += rejectedKept
    counts.emitted += kept
    counts.untruncated += block.length
    counts.fallbacks += fallback ? 1 : 0
    for (let i = 0; i < acceptedKept + rejectedKept; i++) this.#testedAt[i]!++
    for (let i = 0; i < acceptedKept; i++) this.#acceptedAt[i]!++
    for (let i = 0; i < acceptedKept + rejectedKept; i++) {
      const rank = i < acceptedKept ? siblings[i]!.indexOf(path[i]!) : undefined
      addRanks(this.#testedRank, rank === undefined ? siblings[i]!.length : rank + 1)
      if (rank !== undefined) this.#acceptedRank[rank] = (this.#acceptedRank[rank] ?? 0) + 1
    }
  }

  #time(began: number, drafting: number, proposal: Proposal): void {
    const end = performance.now()
    this.#timing.total += (end - began) / 1000
    if (this.#counts.blocks === 1) {
      this.#timing.firstBlock = (end - began) / 1000
      return
    }
    this.#timing.draft += (drafting - began) / 1000
    this.#timing.target += (end - drafting) / 1000
    this.#timing.proposed += proposal.tokens.length
    this.#timing.places += depthOf(proposal)
    this.#timing.targetCalls++
  }

  get counts(): SpeculativeCounts {
    return {
      ...this.#counts,
      testedAt: [...this.#testedAt],
      acceptedAt: [...this.#acceptedAt],
      testedRank: [...this.#testedRank],
      acceptedRank: this.#testedRank.map((_, rank) => this.#acceptedRank[rank] ?? 0),
    }
  }

  /** The tokens so far, as many as `counts.emitted`. */
  get emitted(): ReadonlyArray<number> {
    return this.#tokens
  }

  get timing(): SpeculativeTiming {
    return { ...this.#timing }
  }

  /**
   * Greedy only: top logit minus second for each emitted token, as the verifying call computed it. Where the margin is
   * near the rounding of single precision, a product of another shape may choose the other token on the plain path.
   * Native products give the same numbers in every shape.
   */
  get margins(): ReadonlyArray<number> {
    return this.#margins
  }

  /** @error Error before the last step */
  get rollout(): Rollout {
    if (this.#finish === undefined) throw new Error("the sequence has not ended: call step() until it returns false")
    const tokens = Int32Array.from(this.#tokens)
    return { prompt: this.#prompt, tokens, finish: this.#finish, limit: this.#ending.limit }
  }

  dispose(): void {
    this.#target.dispose()
    this.#sequence?.dispose?.()
  }
}
