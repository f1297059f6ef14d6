/** Which of PyTorch's precisions stand beside ours; the verdict is always against the faster of those that ran. */
import { median } from "@winnow/numerics"

/** PyTorch's float32, and its bfloat16 (autocast when training, bfloat16 weights when decoding). */
export type PeerPrecision = "fp32" | "bf16"

/** What `--peer-precision` takes. */
export const peerPrecisions = ["both", "fp32", "bf16"] as const

/** The workers that a choice asks for. */
export const peersFor = (choice: (typeof peerPrecisions)[number]): ReadonlyArray<PeerPrecision> =>
  choice === "both" ? ["fp32", "bf16"] : [choice]

/** The one with the smallest median; undefined of none. */
export const fastest = <S extends { readonly seconds: ReadonlyArray<number> }>(
  sides: ReadonlyArray<S>,
): S | undefined => sides.toSorted((a, b) => median(a.seconds) - median(b.seconds))[0]

/**
 * How many times as fast as a peer ours is: of each round, and their median. A slow moment of the machine hits all sides
 * of a round, so that ratios within rounds say more than a ratio of medians.
 *
 * @param ours and `peer`: seconds of the same work, round by round
 */
export const speedRatio = (
  ours: ReadonlyArray<number>,
  peer: ReadonlyArray<number>,
): { readonly median: number; readonly each: ReadonlyArray<number> } => {
  const each = ours.map((seconds, i) => peer[i]! / seconds)
  return { median: median(each), each }
}
