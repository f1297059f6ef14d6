/**
 * Generation by one model alone: batched, left-padded, greedy or sampled.
 *
 * Letters: B rows of a batch, T positions, V vocabulary.
 */
import { checkedIds, checkedOptions, type Decoder, type Decoding, samplingOptions } from "@winnow/core"
import { type Rng, seeded } from "@winnow/numerics"

import { drive, type Session } from "./drive.ts"
import { type Ending, type Finish, finishOf, limitOf, type Rollout, type Stop } from "./rollout.ts"
import { choicesAfter, drawsAfter } from "./what-follows.ts"

/** Options of `generate`, with sampling options. */
export const generateOptions = samplingOptions.merge({
  "+": "reject",
  /** Most tokens after a prompt; the model's context may allow fewer. */
  maxNew: "number.integer >= 1",
  /** The token that ends a sequence; left out: only the length ends it. */
  "eosId?": "number.integer >= 0",
  /** Rows of a batch. 32: small models on a CPU gain little beyond it, and the cache stays small. */
  batchSize: "number.integer >= 1 = 32",
  /** Each prompt draws from its own stream, from this seed and its index, so that batching does not shift draws. */
  seed: "number.integer & number.safe = 0",
  /** Index of the first prompt, for callers that generate in portions. */
  firstIndex: "number.integer >= 0 = 0",
})

/** The options as callers write them. */
export type GenerateOptions = typeof generateOptions.inferIn

/** Counts of the work so far. */
export interface GenerateStats {
  readonly prompts: number
  readonly finished: number
  /** Tokens generated. */
  readonly tokens: number
  /** Calls of the model. */
  readonly calls: number
  readonly seconds: number
}

export interface GenerateHooks {
  readonly stop?: Stop
  readonly signal?: AbortSignal
  readonly onProgress?: (stats: GenerateStats) => void
}

interface Sequence {
  readonly prompt: Int32Array
  readonly tokens: Array<number>
  readonly ending: Ending
  readonly rng: Rng
  finish: Finish | undefined
}

/** Generation in steps of one model call. The caller disposes it; `drive` does. */
export class GenerateSession implements Session {
  readonly #sequences: ReadonlyArray<Sequence>
  readonly #waiting: Array<Sequence>
  readonly #options: typeof generateOptions.infer
  #batch: Array<Sequence> = []
  #decoding: Decoding | undefined
  #leastPad = 0
  #tokens = 0
  #calls = 0
  #seconds = 0
  #finished = 0

  /**
   * @error InvalidInput for bad options and ids outside the vocabulary; RangeError for a prompt that is empty or fills
   * the model's context
   */
  constructor(
    readonly model: Decoder,
    prompts: ReadonlyArray<ArrayLike<number>>,
    options: GenerateOptions,
    stop?: Stop,
  ) {
    this.#options = checkedOptions("generate", generateOptions, options)
    const { seed, firstIndex, eosId, maxNew } = this.#options
    this.#sequences = prompts.map((prompt, i) => ({
      prompt: checkedIds(`prompt ${firstIndex + i}`, prompt, model.architecture.vocabularySize),
      tokens: [],
      ending: { eosId, stop, limit: limitOf(prompt, maxNew, model.architecture.maxLength) },
      rng: seeded(seed, "generate", firstIndex + i),
      finish: undefined,
    }))
    // Prompts of similar length share a batch, to save padding. The longest batch comes first and shows the peak
    // memory.
    this.#waiting = this.#sequences.toSorted((a, b) => a.prompt.length - b.prompt.length)
  }

  step(): boolean {
    const began = performance.now()
    const input_BT = this.#nextInput()
    if (input_BT === undefined) return false
    const chosen = this.#choose(input_BT)
    for (const [b, sequence] of this.#batch.entries()) {
      if (sequence.finish !== undefined) continue
      sequence.tokens.push(chosen[b]!)
      sequence.finish = finishOf(sequence.tokens, sequence.ending)
      this.#tokens++
      if (sequence.finish !== undefined) this.#finished++
    }
    this.#calls++
    this.#seconds += (performance.now() - began) / 1000
    return this.#finished < this.#sequences.length
  }

  /**
   * The newest token of each row, or all tokens of a new batch. Once half of the rows have ended, the others move to a
   * new batch with waiting prompts: one pass over their text costs less than half-empty steps. They also move where an
   * ended row would exceed the model's context, as each step lengthens it.
   */
  #nextInput(): Int32Array | undefined {
    const alive = this.#batch.filter((s) => s.finish === undefined)
    const next = (this.#decoding?.length ?? 0) + 1 - this.#leastPad
    const fits = next <= this.model.architecture.maxLength
    if (this.#decoding !== undefined && alive.length * 2 > this.#batch.length && fits)
      return Int32Array.from(this.#batch, (s) => s.tokens.at(-1)!)
    this.#decoding?.dispose()
    this.#decoding = undefined
    const room = this.#options.batchSize - alive.length
    this.#batch = [...alive, ...this.#waiting.splice(Math.max(0, this.#waiting.length - room))]
    const B = this.#batch.length
    if (B === 0) return undefined
    const length_B = this.#batch.map((s) => s.prompt.length + s.tokens.length)
    const T = Math.max(...length_B)
    const pad_B = Int32Array.from(length_B, (length) => T - length)
    const ids_BT = new Int32Array(B * T)
    for (const [b, { prompt, tokens }] of this.#batch.entries()) {
      ids_BT.set(prompt, b * T + pad_B[b]!)
      ids_BT.set(tokens, b * T + pad_B[b]! + prompt.length)
    }
    this.#leastPad = Math.min(...pad_B)
    this.#decoding = this.model.decoding(pad_B)
    return ids_BT
  }

  #choose(input_BT: Int32Array): ArrayLike<number> {
    const decoding = this.#decoding!
    const B = this.#batch.length
    if (this.#options.temperature === 0) return choicesAfter(this.model, decoding, input_BT, B, 1, false).argmax
    const u_B = Float64Array.from(this.#batch, ({ finish, rng }) => (finish === undefined ? rng.uniform() : -1))
    return drawsAfter(this.model, decoding, input_BT, B, this.#options, u_B)
  }

  get stats(): GenerateStats {
    return {
      prompts: this.#sequences.length,
      finished: this.#finished,
      tokens: this.#tokens,
      calls: this.#calls,
      seconds: this.#seconds,
    }
  }

  /** The rollouts, in the order of the prompts. @error Error before the last step */
  get rollouts(): ReadonlyArray<Rollout> {
    return this.#sequences.map(({ prompt, tokens, finish, ending }, i) => {
      if (finish === undefined) throw new Error(`rollout ${i} has not ended: call step() until it returns false`)
      return { prompt, tokens: Int32Array.from(tokens), finish, limit: ending.limit }
    })
  }

  dispose(): void {
    this.#decoding?.dispose()
    this.#decoding = undefined
  }
}

/**
 * Continues each prompt by the model alone; between steps the event loop runs other work and Ctrl-C.
 *
 * The same model, prompts, options and batch size give the same tokens. Another batch size gives the same draws. In
 * native decoding it also gives the same tokens, as a row's numbers do not depend on its batch. On the plain path
 * products of other shapes may round two close logits apart.
 *
 * @returns rollouts in the order of the prompts
 * @error InvalidInput for bad options; RangeError for a bad prompt; the signal's reason if aborted
 */
export const generate = async (
  model: Decoder,
  prompts: ReadonlyArray<ArrayLike<number>>,
  options: GenerateOptions,
  { stop, signal, onProgress }: GenerateHooks = {},
): Promise<{ readonly rollouts: ReadonlyArray<Rollout>; readonly stats: GenerateStats }> => {
  const session = await drive(new GenerateSession(model, prompts, options, stop), {
    signal,
    onStep: onProgress && ((s) => onProgress(s.stats)),
  })
  return { rollouts: session.rollouts, stats: session.stats }
}
