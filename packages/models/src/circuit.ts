/**
 * A circuit: the computation of a head, as a list of instructions over slots that are given from outside. Both interpreters
 * read it: `circuit-tensors.ts` with gradients for training, `circuit-decoding.ts` for proposing.
 *
 * Letters: N rows, c columns of a slot, V vocabulary, d columns of the embedding.
 */
import type { HeadLayout } from "./head-layout.ts"
import type { Instruction, Rotation } from "./instructions.ts"

/** The names by which a circuit reads its target's weights. */
export const targetWeights = { embedding: "target embedding", head: "target head" } as const

/** An instruction of a circuit. */
export type CircuitInstruction =
  | Instruction
  /** Slots side by side; of one slot a copy. */
  | { readonly op: "concat"; readonly from: ReadonlyArray<string>; readonly to: string }

/** A head's computation on rows: each row on its own, but for `attend`. */
export interface Circuit {
  /** Columns of the slots that are given. */
  readonly inputs: ReadonlyMap<string, number>
  /** Columns of the slots that hold the embedding of a token of each row, one list of ids each; of the table the first. */
  readonly tokens?: ReadonlyMap<string, number>
  /** The parameter [V, d] that embeds them; the target's own table if left out. */
  readonly table?: string
  readonly instructions: ReadonlyArray<CircuitInstruction>
  /** The slots that are read at the end. */
  readonly outputs: ReadonlyArray<string>
  /** The attention of its `attend` instructions. Rows are then positions of a sequence. */
  readonly attention?: {
    readonly heads: HeadLayout
    readonly rotary?: Rotation
    readonly maxLength: number
  }
}

/** The given values of some rows. */
export interface CircuitInput<M, I> {
  /** By slot, [N, c]. */
  readonly inputs: ReadonlyMap<string, M>
  /** One list [N] for each slot of `tokens`, in their order. */
  readonly ids?: ReadonlyArray<I>
}

/** The attention instructions of a circuit, in order: each has a cache of its own. */
export const attendsOf = ({ instructions }: Circuit) => instructions.filter((i) => i.op === "attend")

/** @error Error for input that is not what the circuit takes */
export const checkInput = ({ inputs, tokens }: Circuit, given: CircuitInput<unknown, unknown>): void => {
  const missing = inputs.keys().find((slot) => !given.inputs.has(slot))
  const lists = given.ids?.length ?? 0
  const expected = tokens?.size ?? 0
  if (missing === undefined && lists === expected) return
  throw new Error(
    missing === undefined
      ? `a circuit of ${expected} tokens a row was given ${lists} lists of ids`
      : `a circuit's input ${missing} is missing; given: ${[...given.inputs.keys()].join(", ") || "none"}`,
  )
}
