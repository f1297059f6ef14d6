/**
 * The sum of tensors over the members of a group, added in one order whatever their number: the order of the batches.
 *
 * A plain all-reduce adds in an order that depends on the number of members, so its last bits do. Here each member owns a
 * slice of every bucket: it gets the slices of all members, adds them in the order of the batches, and at the end all
 * members get the sums. That moves as many bytes as an all-reduce.
 */
import { native } from "../native/native.ts"
import type { tf } from "../tf.ts"
import { type BucketSizes, bucketsOf, type Summed } from "./buckets.ts"
import type { Carrier } from "./carrier.ts"
import type { Group } from "./group.ts"
import { RowSum } from "./row-sum.ts"
import { bytesNeeded, throughMemory } from "./through-memory.ts"
import { throughNetwork } from "./through-network.ts"

export interface SumOptions extends Partial<BucketSizes> {
  /** The name of a tensor that members have before the others: a bucket of its own, which goes first. */
  readonly early?: string | undefined
  /** The name of a matrix of which each member touches few rows: only these travel. */
  readonly rows?: string | undefined
}

/** A sum in progress. It owns its tensors; `dispose` frees them. */
export class OrderedSum {
  readonly #carrier: Carrier
  readonly #rows: RowSum | undefined
  readonly #names: ReadonlyArray<string>
  /** The early tensor, once this round has begun with it; the rest of the round is still to come. */
  #begun = false
  readonly #early: string | undefined
  /** Number of buckets. */
  readonly buckets: number
  /** True if the numbers go through memory that all members see, and not through the network. */
  readonly inMemory: boolean

  /** All members make it at once, as they call its functions. @error GroupBroken */
  constructor(group: Group, tensors: Summed, { early, rows, large = 1 << 20, most = 1 << 22 }: SumOptions = {}) {
    const matrix = tensors.find(({ name }) => name === rows)
    const buckets = bucketsOf(
      tensors.filter((tensor) => tensor !== matrix),
      group.size,
      { large, most },
      early,
    )
    this.#names = tensors.map(({ name }) => name)
    this.#early = early
    this.#rows = matrix && new RowSum(group, matrix.name, matrix.shape as readonly [number, number])
    this.buckets = buckets.length
    const memory = group.memory(bytesNeeded(group.size, buckets), native() !== undefined)
    this.inMemory = memory !== undefined
    this.#carrier = memory === undefined ? throughNetwork(group, buckets) : throughMemory(group, buckets, memory)
  }

  /**
   * Begins a round with the early tensor; `add` follows. A member that does not call it sends that tensor in `add`. It waits
   * for no act of another member in this round.
   *
   * @error GroupBroken
   */
  begin(early: tf.Tensor): void {
    if (this.#early === undefined) return
    this.#arrive()
    this.#begun = true
    this.#carrier.send(0, { [this.#early]: early })
  }

  /**
   * Adds one round. All members call it at the same place between their other meetings; through the network it returns
   * before the others' numbers are here.
   *
   * @param order the ranks that give tensors, in the order in which these are added; the same in all members
   * @param tensors of this member by name, whether it gives or not; a name without one counts as zeros. They stay the
   *   caller's, who may dispose them at once
   * @error GroupBroken
   */
  add(order: ReadonlyArray<number>, tensors: Readonly<Record<string, tf.Tensor>>): void {
    if (!this.#begun) this.#arrive()
    this.#rows?.give(tensors[this.#rows.name])
    for (let i = this.#begun ? 1 : 0; i < this.buckets; i++) this.#carrier.send(i, tensors)
    this.#begun = false
    this.#rows?.send(order)
    this.#carrier.sent(order, this.#rows !== undefined)
  }

  #arrive(): void {
    this.#rows?.arrive()
    this.#carrier.arrive()
  }

  /**
   * The sums over all rounds, in every member. Another round begins only after they are disposed.
   *
   * @returns by name, in the order of the names; the caller disposes them
   * @error GroupBroken
   */
  total(): Record<string, tf.Tensor> {
    this.#rows?.arrive()
    const sums = this.#carrier.total()
    if (this.#rows !== undefined) sums[this.#rows.name] = this.#rows.total()
    return Object.fromEntries(this.#names.map((name) => [name, sums[name]!]))
  }

  /** Frees what a sum that was not finished holds. */
  dispose(): void {
    this.#carrier.dispose()
    this.#rows?.dispose()
    this.#begun = false
  }
}
