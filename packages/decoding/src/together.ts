/**
 * Speculative decoding of several prompts at once: rounds in which the draft's calls of all prompts are one, and one call
 * of the target verifies the blocks of all. Each prompt has its own accepted length; one that ends makes room for the next.
 */
import { type Asking, type Decoder, InvalidInput, type ModelCall, type Proposer } from "@winnow/core"
import { answersTogether, drive, type Session } from "@winnow/generation"
import type { Speculated, SpeculateHooks } from "./speculate.ts"
import { type SpeculativeOptions, SpeculativeSession } from "./speculative.ts"

/** A prompt that is being decoded, and the call that its block waits for. */
interface Active {
  readonly index: number
  readonly session: SpeculativeSession
  block: Asking<boolean>
  call: ModelCall
}

/** Rounds over prompts in steps of one call on one model. The caller disposes it; `drive` does. */
class TogetherSession implements Session {
  readonly done: Array<Speculated> = []
  #next = 0
  #active: ReadonlyArray<Active> = []
  readonly #ended: Array<SpeculativeSession> = []
  #finished = 0
  #tokens = 0

  constructor(
    readonly target: Decoder,
    readonly proposer: Proposer | undefined,
    readonly prompts: ReadonlyArray<ArrayLike<number>>,
    readonly options: SpeculativeOptions,
    readonly batchSize: number,
    readonly hooks: SpeculateHooks,
  ) {}

  step(): boolean {
    while (this.#active.length < this.batchSize && this.#next < this.prompts.length) this.#begin(this.#next++)
    if (this.#active.length === 0) return false
    // The target waits until every draft has proposed, so that one call of it verifies all.
    const drafts = this.#active.filter(({ call }) => call.model !== this.target)
    const asked = drafts.length > 0 ? drafts : this.#active
    const answers = answersTogether(asked.map(({ call }) => call))
    for (const [i, active] of asked.entries()) this.#goOn(active, active.block.next(answers[i]!))
    // Answers may lie in the memory of any state of the call, so texts that ended keep theirs until all are read.
    for (const session of this.#ended.splice(0)) session.dispose()
    return this.#active.length > 0 || this.#next < this.prompts.length
  }

  #begin(i: number): void {
    const { target, proposer, options, hooks } = this
    const index = (options.index ?? 0) + i
    const session = new SpeculativeSession(target, proposer, this.prompts[i]!, { ...options, index }, hooks.stop)
    const block = session.block()
    const first = block.next(undefined as never) // a generator does not see the first value
    if (first.done) throw new Error(`prompt ${index} asks for no call: expected one of a fresh text`)
    this.#active = [...this.#active, { index: i, session, block, call: first.value }]
  }

  /** Takes the next call of a text, in its next block where one has ended; or its result. */
  #goOn(active: Active, step: IteratorResult<ModelCall, boolean>): void {
    if (!step.done) {
      active.call = step.value
      return
    }
    if (step.value) {
      active.block = active.session.block()
      this.#goOn(active, active.block.next(undefined as never))
      return
    }
    const { rollout, counts, timing, margins } = active.session
    this.done[active.index] = { rollout, counts, timing, margins }
    this.#ended.push(active.session)
    this.#active = this.#active.filter((other) => other !== active)
    this.#finished++
    this.#tokens += rollout.tokens.length
    this.hooks.onProgress?.({ prompts: this.prompts.length, finished: this.#finished, tokens: this.#tokens })
  }

  dispose(): void {
    for (const session of [...this.#ended.splice(0), ...this.#active.map((active) => active.session)]) session.dispose()
    this.#active = []
  }
}

/** Options of `speculateTogether`. */
export type TogetherOptions = SpeculativeOptions & {
  /** Prompts that are decoded at once. 16: a block has several rows, so that few prompts fill a product. */
  readonly batchSize?: number
}

/**
 * Decodes prompts with the target and a proposer, several at once. Native decoding gives the texts, counts and margins of
 * `speculate` on the same prompts, bit by bit, unless the draft's length follows the clock (`draftLength.most` without a
 * `costRatio`), which is that of whole rounds here. Without it, and for trees and heads, each prompt is called alone. Timing is
 * of the rounds, in which a prompt waits for the others.
 *
 * @returns results in the order of the prompts
 * @error as `speculate`; InvalidInput for a batch size that is no whole number of 1 or more
 */
export const speculateTogether = async (
  target: Decoder,
  proposer: Proposer | undefined,
  prompts: ReadonlyArray<ArrayLike<number>>,
  { batchSize = 16, ...options }: TogetherOptions,
  hooks: SpeculateHooks = {},
): Promise<ReadonlyArray<Speculated>> => {
  if (!(Number.isInteger(batchSize) && batchSize >= 1)) {
    const problem = `batchSize is ${batchSize}, expected a whole number of 1 or more`
    throw new InvalidInput({ what: "speculative decoding", problems: [problem] })
  }
  const session = new TogetherSession(target, proposer, prompts, options, batchSize, hooks)
  return (await drive(session, { signal: hooks.signal })).done
}
