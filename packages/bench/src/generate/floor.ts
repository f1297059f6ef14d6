/** The upper bound of the speed of generation: every weight is read once a step, and multiplied once for each row. */
import { weightsRead } from "../decode/floor.ts"
import type { Sizes } from "../side-by-side/common-options.ts"

/** Speeds of the machine, for one precision of products. */
export interface Machine {
  /** Bytes a second read from memory. */
  readonly bandwidth: number
  /** Multiply-adds a second of all threads, twice counted (FLOP). */
  readonly flops: number
  /** Bytes of a weight. */
  readonly bytes: number
}

/** Weights of fewer bytes stay in a large cache, and are not read from memory at each step. */
const CACHE_BYTES = 2 ** 26

/** The least seconds of a step of B rows: of reading or of arithmetic, whichever takes longer. Attention is left out. */
export const stepFloor = (target: Sizes, vocab: number, B: number, { bandwidth, flops, bytes }: Machine): number => {
  const weights = weightsRead(target, vocab)
  const reading = weights * bytes < CACHE_BYTES ? 0 : (weights * bytes) / bandwidth
  return Math.max(reading, (2 * weights * B) / flops)
}

/** Tokens a second that no program can exceed with B rows at once. */
export const rateFloor = (target: Sizes, vocab: number, B: number, machine: Machine): number =>
  B / stepFloor(target, vocab, B, machine)
