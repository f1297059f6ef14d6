/**
 * Speculative decoding of one sequence: the draft proposes, the target verifies all proposals in one call.
 *
 * Letters: g tokens proposed in a block, L tokens of the text so far (prompt and emitted), V vocabulary.
 *
 * Caches: when a block begins, the target's holds the first L - 1 tokens. It takes the last token and the g drafted ones
 * in one call, which gives g + 1 distributions. The draft's may hold one token less, since after a block that was
 * accepted whole it has never seen its own last token. So each model is simply given what its cache lacks, the whole
 * prompt at first, and is rolled back to the accepted text after the block.
 */
import { checkedIds, checkedOptions, type Decoding, type Model } from "@winnow/core"
import {
  type Choices,
  choicesAfter,
  distributionsAfter,
  type Ending,
  type Finish,
  finishOf,
  limitOf,
  type Rollout,
  type Session,
  type Stop,
  samplingOptions,
} from "@winnow/generation"
import { seeded } from "@winnow/numerics"
import { type Chance, chanceOf, type Judging, type Verdict, verify, verifyGreedy } from "./block.ts"
import { proposalRoom, readableLength } from "./block-structure.ts"
import type { BlockCounts } from "./counts.ts"
import { DraftLength, draftLengthOption } from "./draft-length.ts"
import { requireSameVocabulary } from "./evidence.ts"
import { parameterRatio } from "./parameter-ratio.ts"

/** Options of speculative decoding; sampling options, applied to both models, among them. */
export const speculativeOptions = samplingOptions.merge({
  "+": "reject",
  /**
   * gamma: tokens proposed a target call; 0 is the target alone, and the draft is never called. Or `{ most: 8 }`: the
   * best length from 1 to `most`, chosen before each block by the acceptance and the cost so far (`bestDraftLength`).
   */
  draftLength: draftLengthOption,
  /** Most tokens that are emitted; never passed, also not within a block. */
  maxNew: "number.integer >= 1",
  "eosId?": "number.integer >= 0",
  seed: "number.integer & number.safe = 0",
  /** Tells the streams of several prompts apart. */
  index: "number.integer >= 0 = 0",
})

export type SpeculativeOptions = typeof speculativeOptions.inferIn

/** Counts of one sequence; `emitted`, `accepted` and `rejected` are of the text that remains after it was cut at its end. */
export interface SpeculativeCounts extends BlockCounts {
  /** Tokens drafted. */
  readonly proposed: number
  /** Calls of the draft. */
  readonly draftCalls: number
  /** Tokens before blocks were cut at the end of the text: the sum of accepted + 1 over blocks. */
  readonly untruncated: number
  /** Corrections drawn from p because the residual was zero by rounding. */
  readonly fallbacks: number
}

/** Seconds spent in each model; the first block, which also reads the prompt, is apart. */
export interface SpeculativeTiming {
  readonly firstBlock: number
  readonly draft: number
  readonly target: number
  readonly draftCalls: number
  readonly targetCalls: number
  readonly total: number
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** One sequence in steps: one block a step. Dispose it; `drive` does. */
export class SpeculativeSession implements Session {
  readonly #options: typeof speculativeOptions.infer
  readonly #ending: Ending
  readonly #chance: Chance
  readonly #verify: typeof verify
  readonly #target: Decoding
  readonly #draft: Decoding | undefined
  readonly #prompt: Int32Array
  readonly #text: Array<number>
  readonly #length: DraftLength
  readonly #tokens: Array<number> = []
  readonly #margins: Array<number> = []
  readonly #counts: Mutable<Omit<SpeculativeCounts, "testedAt" | "acceptedAt">> = {
    blocks: 0,
    accepted: 0,
    rejected: 0,
    emitted: 0,
    proposed: 0,
    draftCalls: 0,
    untruncated: 0,
    fallbacks: 0,
  }
  readonly #testedAt: Array<number>
  readonly #acceptedAt: Array<number>
  readonly #timing: Mutable<SpeculativeTiming> = {
    firstBlock: 0,
    draft: 0,
    target: 0,
    draftCalls: 0,
    targetCalls: 0,
    total: 0,
  }
  #finish: Finish | undefined

  /**
   * @param draft may be undefined for draft length 0
   * @param judging for tests; by default chance is the stream of seed and index
   * @error InvalidInput for bad options and ids outside the vocabulary; RangeError for a bad prompt; Error if vocabularies differ or a draft is missing
   */
  constructor(
    readonly target: Model,
    readonly draft: Model | undefined,
    prompt: ArrayLike<number>,
    options: SpeculativeOptions,
    stop?: Stop,
    judging: Judging = {},
  ) {
    this.#options = checkedOptions("speculative decoding", speculativeOptions, options)
    const { draftLength, maxNew, eosId, seed, index } = this.#options
    const mayDraft = draftLength !== 0
    if (mayDraft && draft === undefined)
      throw new Error(
        `draft length ${JSON.stringify(draftLength)} without a draft: give a draft model, or draft length 0`,
      )
    if (draft !== undefined) requireSameVocabulary(target, draft)
    this.#ending = { eosId, stop, limit: limitOf(prompt, maxNew, target.architecture.maxLength) }
    this.#chance = judging.chance ?? chanceOf(seeded(seed, "speculative", index))
    this.#verify = judging.verify ?? verify
    this.#prompt = checkedIds(`prompt ${index}`, prompt, target.architecture.vocabularySize)
    this.#text = Array.from(this.#prompt)
    this.#length = new DraftLength(draftLength, draft === undefined ? 1 : parameterRatio(target, draft))
    this.#testedAt = new Array(this.#length.most).fill(0)
    this.#acceptedAt = new Array(this.#length.most).fill(0)
    this.#target = target.decoding()
    this.#draft = mayDraft ? draft!.decoding() : undefined
  }

  step(): boolean {
    if (this.#finish !== undefined) return false
    const began = performance.now()
    const L = this.#text.length
    const { drafted, q } = this.#propose()
    const drafting = performance.now()
    const verdict = this.#judge(drafted, q)
    this.#target.rollback(L + verdict.accepted)
    this.#draft?.rollback(Math.min(this.#draft.length, L + verdict.accepted))
    this.#time(began, drafting, drafted.length)
    return this.#finish === undefined
  }

  /** One call of the target on what it lacks of text and block; what that gave is emitted. */
  #judge(drafted: ReadonlyArray<number>, q: ReadonlyArray<Float64Array>): Verdict {
    const fresh = this.#fresh(this.#target, drafted)
    const rows = drafted.length + 1
    if (this.#options.temperature > 0) {
      const p = distributionsAfter(this.target, this.#target, fresh, 1, rows, this.#options)
      const verdict = this.#verify(drafted, q, p, this.#chance)
      this.#emit(drafted, verdict)
      return verdict
    }
    const choices = choicesAfter(this.target, this.#target, fresh, 1, rows, true)
    const verdict = verifyGreedy(drafted, choices.argmax)
    this.#emit(drafted, verdict, choices)
    return verdict
  }

  /** Tokens of the draft until the block is full, the length limit or context is reached, or the draft ends the text. */
  #propose(): { drafted: Array<number>; q: Array<Float64Array> } {
    const drafted: Array<number> = []
    const q: Array<Float64Array> = []
    if (this.#draft === undefined || this.draft === undefined) return { drafted, q }
    const { eosId, temperature } = this.#options
    const rules = {
      draftLength: this.#length.next(this.#measuredCostRatio()),
      limit: this.#ending.limit,
      readable: readableLength(this.#prompt.length, this.draft.architecture.maxLength),
    }
    const room = proposalRoom(this.#tokens.length, rules)
    while (drafted.length < room && (drafted.length === 0 || drafted.at(-1) !== eosId)) {
      const fresh = this.#fresh(this.#draft, drafted)
      // Only the target's margins are of interest, and they cost more than the choice itself.
      if (temperature === 0) drafted.push(choicesAfter(this.draft, this.#draft, fresh, 1, 1, false).argmax[0]!)
      else {
        const q_V = distributionsAfter(this.draft, this.#draft, fresh, 1, 1, this.#options).at(0)!
        q.push(q_V)
        drafted.push(this.#chance.draw(q_V))
      }
    }
    return { drafted, q }
  }

  /** Seconds of a draft call over those of a target call, once both were timed. */
  #measuredCostRatio(): number | undefined {
    const { draft, target, draftCalls, targetCalls } = this.#timing
    return draftCalls > 0 && targetCalls > 0 ? draft / draftCalls / (target / targetCalls) : undefined
  }

  /** The tokens of the text and the block that a cache lacks. */
  #fresh({ length }: Decoding, drafted: ReadonlyArray<number>): Int32Array {
    const L = this.#text.length
    return Int32Array.from({ length: L + drafted.length - length }, (_, i) =>
      length + i < L ? this.#text[length + i]! : drafted[length + i - L]!,
    )
  }

  /** Appends what the block gave, up to the end of the text, and counts it. */
  #emit(drafted: ReadonlyArray<number>, { accepted, own, fallback }: Verdict, choices?: Choices): void {
    const block = [...drafted.slice(0, accepted), own]
    let kept = 0
    while (kept < block.length && this.#finish === undefined) {
      this.#tokens.push(block[kept]!)
      this.#text.push(block[kept]!)
      if (choices !== undefined) this.#margins.push(choices.margin[kept]!)
      kept++
      this.#finish = finishOf(this.#tokens, this.#ending)
    }
    const acceptedKept = Math.min(accepted, kept)
    const rejectedKept = accepted < drafted.length && kept === block.length ? 1 : 0
    this.#length.learn(accepted, accepted < drafted.length ? 1 : 0)
    const counts = this.#counts
    counts.blocks++
    counts.proposed += drafted.length
    counts.accepted += acceptedKept
    counts.rejected += rejectedKept
    counts.emitted += kept
    counts.untruncated += block.length
    counts.fallbacks += fallback ? 1 : 0
    for (let i = 0; i < acceptedKept + rejectedKept; i++) this.#testedAt[i]!++
    for (let i = 0; i < acceptedKept; i++) this.#acceptedAt[i]!++
  }

  #time(began: number, drafting: number, draftCalls: number): void {
    const end = performance.now()
    this.#counts.draftCalls += draftCalls
    this.#timing.total += (end - began) / 1000
    if (this.#counts.blocks === 1) {
      this.#timing.firstBlock = (end - began) / 1000
      return
    }
    this.#timing.draft += (drafting - began) / 1000
    this.#timing.target += (end - drafting) / 1000
    this.#timing.draftCalls += draftCalls
    this.#timing.targetCalls++
  }

  get counts(): SpeculativeCounts {
    return { ...this.#counts, testedAt: [...this.#testedAt], acceptedAt: [...this.#acceptedAt] }
  }

  get timing(): SpeculativeTiming {
    return { ...this.#timing }
  }

  /**
   * Greedy only: top logit minus second, for each emitted token, as the target computed it when it verified. Where this
   * is near the rounding of single precision, a product of another shape may choose the other token on the plain path;
   * native products give the same numbers in every shape.
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
    this.#draft?.dispose()
  }
}
