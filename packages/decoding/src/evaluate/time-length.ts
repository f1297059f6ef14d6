/** One draft length against the clock, on those prompts whose texts have a call to time. */
import type { Decoder, Proposer } from "@winnow/core"
import type { Speculated, SpeculateHooks } from "../speculate.ts"
import type { SpeculativeOptions } from "../speculative.ts"
import { measureSpeedup, NothingToTime, type Speedup, type SpeedupOptions } from "../speedup.ts"
import { type Ends, speedupInterval } from "./over-prompts.ts"

export interface TimedLength extends Speedup {
  /** Ends of the 95 % interval of `speedup`, for new prompts. */
  readonly interval: Ends
  /** Measured seconds of a token, the reading of the prompt included: what `speedup` compares. */
  readonly secondsPerToken: { readonly alone: number; readonly withDraft: number }
}

/**
 * Times the target alone and with the proposer in turns.
 *
 * Greedy texts of one block have no call but the one that reads the prompt, so only longer ones are timed. A sampled text has
 * another length each time that it is drawn at another place, so there the first prompts are timed, as they are.
 *
 * @param runs of these prompts at this draft length
 * @returns null if no text is longer than a block
 */
export const timeLength = async (
  target: Decoder,
  proposer: Proposer,
  prompts: ReadonlyArray<ArrayLike<number>>,
  runs: ReadonlyArray<Speculated>,
  options: SpeculativeOptions & { readonly draftLength: number },
  { timedPrompts, ...times }: Required<SpeedupOptions> & { readonly timedPrompts: number },
  hooks: Pick<SpeculateHooks, "stop" | "signal">,
  onProgress: (done: number, total: number) => void,
): Promise<TimedLength | null> => {
  const isLong = (i: number) => runs[i]!.rollout.tokens.length > options.draftLength + 1
  const timeable = options.temperature === 0 ? prompts.filter((_, i) => isLong(i)) : prompts
  const timed = timeable.slice(0, timedPrompts)
  if (timed.length === 0) return null
  try {
    const { runs: _, ...speedup } = await measureSpeedup(target, proposer, timed, options, times, {
      ...hooks,
      onProgress: (p) => onProgress(p.finished, p.prompts),
    })
    const { alone, withDraft } = speedup.tokensPerSecond
    return {
      ...speedup,
      interval: speedupInterval(speedup.ratios),
      secondsPerToken: { alone: 1 / alone, withDraft: 1 / withDraft },
    }
  } catch (error) {
    if (error instanceof NothingToTime) return null
    throw error
  }
}
