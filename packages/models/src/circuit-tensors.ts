/**
 * A circuit as TFJS ops, differentiable in parameters and inputs.
 *
 * Letters: B sequences, T positions, N rows (B T where they are positions of sequences), c columns of a slot.
 */
import type { PassWeights } from "@winnow/core"
import { type FrozenMatrix, tf } from "@winnow/tensor"
import { attention, sequenceReach } from "./attention.ts"
import { type AttentionPlan, attentionPlan } from "./attention-plan.ts"
import { attendsOf, type Circuit, type CircuitInput, checkInput, targetWeights } from "./circuit.ts"
import { embedding } from "./embedding.ts"
import { instructionOps, tensorSlots } from "./instruction-ops.ts"
import { parameter } from "./parameters.ts"
import { rotaryEmbedding } from "./rotary.ts"

/** Rows that are positions of sequences, as a circuit that attends takes them. */
export interface CircuitFrame {
  readonly B: number
  readonly T: number
  /** As in `Architecture.hidden`. */
  readonly start_BT?: Int32Array | undefined
}

/** The attention of the n-th `attend` of a circuit. */
export type Attend = (packed_Nc: tf.Tensor2D, n: number) => tf.Tensor2D

/** The plan of a circuit's attentions. @error Error for a circuit that attends and does not say how */
export const circuitPlan = (circuit: Circuit): AttentionPlan => {
  const attends = attendsOf(circuit)
  if (circuit.attention === undefined) {
    if (attends.length > 0) throw new Error("a circuit with an attend instruction needs `attention`")
    return { rotaries: [], windows: [], layers: [] }
  }
  return attentionPlan({ ...circuit.attention, layers: attends.map((attend) => [attend]) })
}

/** The outputs of a circuit by slot, with any attention. The caller's tidy owns the tensors. */
export const circuitOutputs = (
  circuit: Circuit,
  values: PassWeights,
  given: CircuitInput<tf.Tensor2D, tf.Tensor1D>,
  attend: Attend,
): ReadonlyMap<string, tf.Tensor2D> => {
  checkInput(circuit, given)
  const { inputs, tokens, table = targetWeights.embedding, instructions, outputs, attention } = circuit
  const slots = tensorSlots()
  for (const slot of inputs.keys()) slots.write(slot, given.inputs.get(slot)!)
  for (const [i, [slot, columns]] of [...(tokens ?? [])].entries()) {
    const rows = embedding(parameter<FrozenMatrix>(values, table), given.ids![i]!)
    // a table that is the vocabulary head as well may have a column for its bias
    slots.write(slot, rows.shape[1] === columns ? rows : tf.slice2d(rows, [0, 0], [-1, columns]))
  }
  let n = 0
  const { runAll } = instructionOps(values, attention?.heads, (packed_Nc) => attend(packed_Nc, n++))
  for (const i of instructions)
    if (i.op === "concat") {
      const parts = i.from.map((slot) => slots.read(slot))
      slots.write(i.to, parts.length === 1 ? parts[0]! : tf.concat(parts, 1))
    } else runAll([i], slots)
  return new Map(outputs.map((slot) => [slot, slots.read(slot)]))
}

/**
 * Runs a circuit on rows. The caller's tidy owns the tensors.
 *
 * @param frame the sequences that the rows are positions of, [B, T] row-major; needed by a circuit that attends
 * @error Error for missing inputs, parameters or frame
 */
export const runCircuit = (
  circuit: Circuit,
  values: PassWeights,
  given: CircuitInput<tf.Tensor2D, tf.Tensor1D>,
  frame?: CircuitFrame,
): ReadonlyMap<string, tf.Tensor2D> => {
  const { rotaries, windows, layers } = circuitPlan(circuit)
  if (layers.length === 0) return circuitOutputs(circuit, values, given, (packed) => packed)
  if (frame === undefined) throw new Error("a circuit that attends needs the sequences of its rows: give a frame")
  const { B, T, start_BT } = frame
  const reaches = windows.map((window) => sequenceReach(B, T, start_BT, "before", window))
  const tables = rotaries.map((spec) => rotaryEmbedding(spec)(B, T, 0, undefined, start_BT))
  return circuitOutputs(circuit, values, given, (packed_Nc, n) => {
    const { rotary, window } = layers[n]!
    return attention(packed_Nc, { B, T, rotary: tables[rotary]!, ...reaches[window]! }, circuit.attention!.heads)
  })
}
