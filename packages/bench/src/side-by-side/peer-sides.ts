/** PyTorch's sides: their precisions and settings, and the comparison of their times with ours. */
import { median } from "@winnow/numerics"

/** PyTorch's float32, and its bfloat16 (autocast when training, bfloat16 weights when decoding). */
export type PeerPrecision = "fp32" | "bf16"

/** The values of `--peer-precision`. */
export const peerPrecisions = ["both", "fp32", "bf16"] as const

/** The workers of a choice. */
export const peersFor = (choice: (typeof peerPrecisions)[number]): ReadonlyArray<PeerPrecision> =>
  choice === "both" ? ["fp32", "bf16"] : [choice]

/** Environment variables of a peer, beyond the command's own. */
export type Environment = Readonly<Record<string, string>>

/**
 * Makes glibc keep freed memory. Without it the system takes back each large matrix and faults it in again at the next
 * step, which doubles the time of a PyTorch step; users who care for speed set this.
 */
export const keepFreedMemory: Environment = {
  MALLOC_MMAP_THRESHOLD_: String(2 ** 33),
  MALLOC_TRIM_THRESHOLD_: String(2 ** 34),
}

/** Makes glibc ask for huge pages. */
export const hugePages: Environment = { GLIBC_TUNABLES: "glibc.malloc.hugetlb=1" }

/** The member with the smallest median; undefined for an empty list. */
export const fastest = <S extends { readonly seconds: ReadonlyArray<number> }>(
  sides: ReadonlyArray<S>,
): S | undefined => sides.toSorted((a, b) => median(a.seconds) - median(b.seconds))[0]

/** Ratios of rounds: median, smallest, largest, and each. */
export interface RoundRatios {
  readonly value: number
  readonly low: number
  readonly high: number
  readonly each: ReadonlyArray<number>
}

/**
 * Our speed over a peer's: each round's ratio, and their median. A slow moment of the machine affects all sides of a
 * round, so that ratios within rounds say more than a ratio of medians.
 *
 * @param ours and `peer`: seconds of the same work, round by round
 */
export const speedRatio = (ours: ReadonlyArray<number>, peer: ReadonlyArray<number>): RoundRatios => {
  const each = ours.map((seconds, i) => peer[i]! / seconds)
  return { value: median(each), low: Math.min(...each), high: Math.max(...each), each }
}

/** A ratio with its range, as in the tables: "1.43 [1.33, 1.74]". */
export const shownRatio = ({ value, low, high }: RoundRatios): string =>
  `${value.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`
