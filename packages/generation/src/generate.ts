/** Generation by one model alone, several texts at once, greedy or sampled. */
import { checkedIds, checkedOptions, type Decoder, type Sampling, samplingOptions } from "@winnow/core"
import { seeded } from "@winnow/numerics"
import type { Batch, Sequence } from "./batch.ts"
import { drive, type Session } from "./drive.ts"
import { JoinedStates } from "./joined-states.ts"
import { PaddedBatch } from "./padded-batch.ts"
import { finishOf, limitOf, type Rollout, type Stop } from "./rollout.ts"

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

/** Texts that run together where the model's states can, in a padded batch where they cannot. */
const batchOf = (model: Decoder, waiting: Array<Sequence>, size: number, sampling: Sampling): Batch => {
  const first = waiting.length > 0 ? model.decoding() : undefined
  if (first?.quick?.together !== undefined) return new JoinedStates(model, first, waiting, size, sampling)
  first?.dispose()
  return new PaddedBatch(model, waiting, size, sampling)
}

/** Generation in steps of one model call. The caller disposes it; `drive` does. */
export class GenerateSession implements Session {
  readonly #sequences: ReadonlyArray<Sequence>
  readonly #batch: Batch
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
    const checked = checkedOptions("generate", generateOptions, options)
    const { seed, firstIndex, eosId, maxNew, batchSize } = checked
    this.#sequences = prompts.map((prompt, i) => ({
      prompt: checkedIds(`prompt ${firstIndex + i}`, prompt, model.architecture.vocabularySize),
      tokens: [],
      ending: { eosId, stop, limit: limitOf(prompt, maxNew, model.architecture.maxLength) },
      rng: seeded(seed, "generate", firstIndex + i),
      finish: undefined,
    }))
    // The longest prompts come first and show the peak memory. In a padded batch prompts are of like length.
    const waiting = this.#sequences.toSorted((a, b) => a.prompt.length - b.prompt.length)
    this.#batch = batchOf(model, waiting, batchSize, checked)
  }

  step(): boolean {
    const began = performance.now()
    const next = this.#batch.next()
    if (next.length === 0) return false
    for (const [sequence, token] of next) {
      sequence.tokens.push(token)
      sequence.finish = finishOf(sequence.tokens, sequence.ending)
      if (sequence.finish !== undefined) this.#finished++
    }
    this.#tokens += next.length
    this.#calls++
    this.#seconds += (performance.now() - began) / 1000
    return this.#finished < this.#sequences.length
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
    this.#batch.dispose()
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
