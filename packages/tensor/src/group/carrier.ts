/** The way on which the numbers of buckets go to the owners of their slices and back. */
import type { tf } from "../tf.ts"

/** The buckets of a sum on their way. It owns its tensors; `dispose` frees them. */
export interface Carrier {
  /**
   * Sends this member's numbers of a bucket.
   *
   * @param bucket its number
   * @param tensors by name; they stay the caller's, who may dispose them at once
   */
  readonly send: (bucket: number, tensors: Readonly<Record<string, tf.Tensor>>) => void
  /**
   * Ends a round: this member has sent all buckets. All members call it at the same place between their other meetings.
   *
   * @param order ranks whose numbers count, in the order of addition
   * @param met true if all members have met since they sent
   * @error GroupBroken
   */
  readonly sent: (order: ReadonlyArray<number>, met: boolean) => void
  /** Adds the round that all have sent, if there is one. It waits for no later act of another member. @error GroupBroken */
  readonly arrive: () => void
  /** `arrive`, then the sums of all rounds by name, in every member. @error GroupBroken */
  readonly total: () => Record<string, tf.Tensor>
  /** Frees what a sum that was not finished holds. */
  readonly dispose: () => void
}
