/**
 * The steps of a stage, shared by several processes: each runs some of the micro-batches, all apply the same gradient.
 *
 * Sums are added in the order of the micro-batches, so that the weights are those of one process, to the last bit,
 * whatever the number of processes. A micro-batch is never divided: filters, and the statistics that a loss takes of the
 * batch, see what they see in one process.
 *
 * Letters: M micro-batches of a step, R processes. They go in rounds of R; rank 0 has the last one of each round, so that
 * it has the last one of the step, which events show.
 */
import type { FilterInstance } from "@winnow/core"
import { NotFinite } from "@winnow/numerics"
import { type Group, longPatience, notingRows, OrderedSum, type Summed, type SumOptions, tf } from "@winnow/tensor"
import type { Seen } from "../counters.ts"
import type { MicroResult } from "../micro-batch.ts"
import type { Accumulated } from "../optimizer-step.ts"
import { type Turns, turnsOf } from "./turns.ts"

/** A micro-batch of this process. */
export interface OwnMicro {
  readonly result: Omit<MicroResult, "gradients">
  readonly gradients: Record<string, tf.Tensor>
  readonly seen: Seen
}

/** The numbers of a micro-batch that go to all processes, in the form that JSON keeps exactly. */
interface Row extends Seen {
  readonly lossSum: string
  readonly denominator: string
  readonly N: number
  readonly kept: number
  /** The reason why it has no numbers: a statistic was not finite. The value is a text. */
  readonly fault?: { readonly what: string; readonly index: number; readonly value: string }
}

/** The message of each process to the others in a step. */
interface Told {
  /** By the number of the micro-batch. */
  readonly rows: Readonly<Record<number, Row>>
  /** Names of the parameters that its gradients have. */
  readonly names: ReadonlyArray<string>
  /** True if rank 0 writes a checkpoint after the step. */
  readonly saves: boolean
}

/** The part of a process in the steps of a stage. */
export interface Sharing {
  readonly group: Group
  /** True in the one process that writes checkpoints and events. */
  readonly leads: boolean
  /** The stage's filter; one with a memory decides in the order of the micro-batches, wherever they are. */
  readonly filter: FilterInstance
  /**
   * Runs this process's micro-batches and adds those of all.
   *
   * @param run runs one, undivided, and tells of the gradient of the head as soon as it has it
   * @returns the sums, the same in all processes but `last`, and the sizes of all micro-batches
   * @error NotFinite in all processes if it is thrown in one; GroupBroken
   */
  readonly accumulate: (
    M: number,
    run: (micro: number, onHeadGradient?: (gradient: tf.Tensor) => void) => OwnMicro,
  ) => { readonly accumulated: Accumulated; readonly all: ReadonlyArray<Seen> }
  /** True if the process that writes checkpoints does so after the present step: set by `accumulate`. */
  readonly saves: () => boolean
  /** Waits until all processes are here, for long: one of them writes a checkpoint. @error GroupBroken */
  readonly meet: () => void
}

const rowOf = ({ lossSum, denominator, N, kept }: OwnMicro["result"], seen: Seen): Row => ({
  ...{ lossSum: String(lossSum), denominator: String(denominator), N, kept },
  ...{ tokens: seen.tokens, positions: seen.positions },
})

/**
 * The part of this process.
 *
 * @param trained the parameters that have gradients, in an order that is the same in all processes
 * @param wantsSave asked in rank 0 in each step
 * @param ways the parameters whose gradients travel in a way of their own: `waysOf` of the model
 */
export const share = (
  group: Group,
  filter: FilterInstance,
  trained: Summed,
  wantsSave: () => boolean,
  ways: Pick<SumOptions, "early" | "rows"> = {},
): Sharing => {
  const { rank, size: R } = group
  const sum = new OrderedSum(group, trained, ways)
  const turns: Turns = turnsOf(group, filter)
  let saves = false

  const accumulate: Sharing["accumulate"] = (M, run) => {
    const rows: Record<number, Row> = {}
    const names = new Set<string>()
    let last: OwnMicro["result"] | undefined
    let gradients: Record<string, tf.Tensor> = {}
    try {
      for (let first = M - Math.ceil(M / R) * R; first < M; first += R) {
        const own = first + R - 1 - rank
        // The highest rank has the first micro-batch of the round.
        const order = Array.from({ length: R }, (_, i) => R - 1 - i).filter((r) => first + R - 1 - r >= 0)
        turns.begin(order)
        if (own >= 0) {
          try {
            const onHeadGradient = (gradient: tf.Tensor) => sum.begin(gradient)
            const micro = notingRows(() => run(own, ways.early === undefined ? undefined : onHeadGradient))
            last = micro.result
            gradients = micro.gradients
            rows[own] = rowOf(micro.result, micro.seen)
            for (const name of Object.keys(gradients)) names.add(name)
          } catch (cause) {
            if (!(cause instanceof NotFinite)) throw cause
            const none = { lossSum: "NaN", denominator: "NaN", N: 0, kept: 0, tokens: 0, positions: 0 }
            const { what, index, value } = cause
            rows[own] = { ...none, fault: { what, index, value: String(value) } }
          }
        }
        turns.end()
        sum.add(order, gradients)
        tf.dispose(gradients)
        gradients = {}
      }
      const told = group.exchange({ rows, names: [...names], saves: wantsSave() } satisfies Told) as ReadonlyArray<Told>
      const all: Record<number, Row> = Object.assign({}, ...told.map(({ rows }) => rows))
      const inOrder = Array.from({ length: M }, (_, micro) => all[micro]!)
      saves = told[0]!.saves
      gradients = sum.total()
      const fault = inOrder.find((row) => row.fault !== undefined)?.fault
      if (fault !== undefined) throw new NotFinite(fault.what, fault.index, Number(fault.value))
      const given = new Set(told.flatMap((of) => of.names))
      for (const name of Object.keys(gradients)) {
        if (given.has(name)) continue
        gradients[name]!.dispose()
        delete gradients[name]
      }
      const total = (of: (row: Row) => number) => inOrder.reduce((sum, row) => sum + of(row), 0)
      const accumulated = {
        lossSum: total((row) => Number(row.lossSum)),
        denominator: total((row) => Number(row.denominator)),
        valid: total(({ N }) => N),
        kept: total(({ kept }) => kept),
        last: last!,
        gradients,
        divided: false,
      }
      return { accumulated, all: inOrder }
    } catch (cause) {
      tf.dispose(gradients)
      sum.dispose()
      throw cause
    }
  }

  return {
    group,
    leads: rank === 0,
    filter: turns.filter,
    accumulate,
    saves: () => saves,
    meet: () => void group.exchange(null, longPatience),
  }
}
