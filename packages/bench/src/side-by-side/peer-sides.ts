/** PyTorch's sides beside ours: in which precision and with which settings they run, and how their times are compared. */
import { median } from "@winnow/numerics"

/** PyTorch's float32, and its bfloat16 (autocast when training, bfloat16 weights when decoding). */
export type PeerPrecision = "fp32" | "bf16"

/** The values of `--peer-precision`. */
export const peerPrecisions = ["both", "fp32", "bf16"] as const

/** The workers that a choice asks for. */
export const peersFor = (choice: (typeof peerPrecisions)[number]): ReadonlyArray<PeerPrecision> =>
  choice === "both" ? ["fp32", "bf16"] : [choice]

/** Variables of a peer's environment, beyond those that the command itself has. */
export type Environment = Readonly<Record<string, string>>

/**
 * Makes glibc keep memory that was freed. Without it each large matrix is given back to the system and faulted in again at
 * the next step, which takes a PyTorch step twice as long; one who cares for speed sets this.
 */
export const keepFreedMemory: Environment = {
  MALLOC_MMAP_THRESHOLD_: String(2 ** 33),
  MALLOC_TRIM_THRESHOLD_: String(2 ** 34),
}

/** Makes glibc ask for huge pages. */
export const hugePages: Environment = { GLIBC_TUNABLES: "glibc.malloc.hugetlb=1" }

/** The one with the smallest median; undefined of none. */
export const fastest = <S extends { readonly seconds: ReadonlyArray<number> }>(
  sides: ReadonlyArray<S>,
): S | undefined => sides.toSorted((a, b) => median(a.seconds) - median(b.seconds))[0]

/** Ratios of rounds: their median, the smallest and the largest, and each. */
export interface RoundRatios {
  readonly value: number
  readonly low: number
  readonly high: number
  readonly each: ReadonlyArray<number>
}

/**
 * How many times as fast as a peer ours is: of each round, and their median. A slow moment of the machine hits all sides
 * of a round, so that ratios within rounds say more than a ratio of medians.
 *
 * @param ours and `peer`: seconds of the same work, round by round
 */
export const speedRatio = (ours: ReadonlyArray<number>, peer: ReadonlyArray<number>): RoundRatios => {
  const each = ours.map((seconds, i) => peer[i]! / seconds)
  return { value: median(each), low: Math.min(...each), high: Math.max(...each), each }
}

/** A ratio with its range, as the tables have it: "1.43 [1.33, 1.74]". */
export const shownRatio = ({ value, low, high }: RoundRatios): string =>
  `${value.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`
