/**
 * A circuit in decoding: rows of one text, some at a time, with caches for its attentions that can be rolled back.
 *
 * Letters: N rows of a call, P rows before them, c columns of a slot, U rows of a vocabulary head.
 */
import type { CachedTree, PassWeights } from "@winnow/core"
import { headLogits, native, tf } from "@winnow/tensor"
import { cachedAttention, type KeysAndValues } from "./attention.ts"
import { attendsOf, type Circuit, checkInput, targetWeights } from "./circuit.ts"
import type { CircuitDecoding, CircuitWeights } from "./circuit-state.ts"
import { circuitOutputs, circuitPlan } from "./circuit-tensors.ts"
import { attentionMask, treeMask } from "./mask.ts"
import { nativeCircuit } from "./native-circuit.ts"
import { refuseRollback } from "./native-decoding.ts"
import { frozenMatrix } from "./native-parameters.ts"
import { parameter } from "./parameters.ts"
import { rotaryEmbedding } from "./rotary.ts"
import { grownTree, refusePath, treePositions } from "./tree.ts"

/** The weights by the names of a circuit. */
export const passWeightsOf = ({ parameters, target }: CircuitWeights): PassWeights => ({
  get: (name) => {
    if (name === targetWeights.embedding) return frozenMatrix(target.parameters, target.architecture.embedding) as never
    if (name === targetWeights.head) return frozenMatrix(target.parameters, target.architecture.head) as never
    return parameters.get(name)
  },
  keys: () => [...parameters.keys(), ...Object.values(targetWeights)],
})

/** Columns of each row of a list. */
const columns = (values: Float32Array, N: number) => values.length / N

/** A fresh state of a circuit by TFJS ops. */
export const plainCircuit = (circuit: Circuit, weights: CircuitWeights): CircuitDecoding => {
  const values = passWeightsOf(weights)
  const { rotaries, windows, layers } = circuitPlan(circuit)
  const tablesOf = rotaries.map(rotaryEmbedding)
  let past: Array<KeysAndValues | undefined> = attendsOf(circuit).map(() => undefined)
  let P = 0
  let tree: CachedTree | undefined
  let outputs = new Map<string, Float32Array>()
  let N = 0

  /** The last rows of an output as a tensor of the caller's tidy. */
  const lastRows = (output: string, last: number): tf.Tensor2D => {
    const found = outputs.get(output)
    if (found === undefined) throw new Error(`no output ${output} yet: extend the circuit first`)
    const c = columns(found, N)
    return tf.tensor2d(found.subarray((N - last) * c), [last, c])
  }
  const logitsOf = (output: string, head: string, last: number) =>
    headLogits(lastRows(output, last), parameter(values, head))

  return {
    get length() {
      return P
    },
    extend: (given, parents) => {
      checkInput(circuit, given)
      const [first] = [...given.inputs]
      N = first === undefined ? given.ids![0]!.length : first[1].length / circuit.inputs.get(first[0])!
      tf.tidy(() => {
        const grown = layers.length === 0 ? undefined : grownTree(tree, parents, true, N, P)
        const inTree_N = grown && treePositions(grown, P, N)
        const tables = tablesOf.map((rotary) => rotary(1, N, P, undefined, undefined, inTree_N))
        const masks = windows.map((window) =>
          grown === undefined ? attentionMask(1, N, P, undefined, window) : treeMask(grown, N, P, window),
        )
        const present: Array<KeysAndValues> = []
        const attend = (packed_Nc: tf.Tensor2D, n: number) => {
          const { rotary, window } = layers[n]!
          const frame = { B: 1, T: N, rotary: tables[rotary]!, mask: masks[window] }
          const { context_Nc, k, v } = cachedAttention(packed_Nc, frame, circuit.attention!.heads, past[n])
          present.push({ k: tf.keep(k), v: tf.keep(v) })
          return context_Nc
        }
        const tensors = {
          inputs: new Map(Array.from(given.inputs, ([slot, x]) => [slot, tf.tensor2d(x, [N, columns(x, N)])])),
          ids: (given.ids ?? []).map((ids) => tf.tensor1d(Int32Array.from(ids), "int32")),
        }
        const found = circuitOutputs(circuit, values, tensors, attend)
        outputs = new Map(Array.from(found, ([slot, x]) => [slot, x.dataSync() as Float32Array]))
        tf.dispose(past.flatMap((layer) => (layer ? [layer.k, layer.v] : [])))
        past = present
        tree = grown
      })
      if (layers.length > 0) P += N
    },
    states: (output) => {
      const found = outputs.get(output)
      if (found === undefined) throw new Error(`no output ${output} yet: extend the circuit first`)
      return found
    },
    greedy: (output, head, last) => {
      let rows: Int32Array | undefined
      tf.tidy(() => {
        rows = tf.argMax(logitsOf(output, head, last), 1).dataSync() as Int32Array
      })
      return rows!
    },
    logits: (output, head, last) => {
      let [logits, U] = [new Float32Array(), 0]
      tf.tidy(() => {
        const logits_RU = logitsOf(output, head, last)
        ;[logits, U] = [logits_RU.dataSync() as Float32Array<ArrayBuffer>, logits_RU.shape[1]]
      })
      return { row: (r) => logits.subarray(r * U, (r + 1) * U) }
    },
    rollback: (length) => {
      refuseRollback(length, P)
      refusePath(tree, length, [])
      tree = undefined
      if (length === P) return
      past = past.map((layer) => {
        if (layer === undefined) return undefined
        const first = (x: tf.Tensor) => tf.keep(tf.slice(x, [0, 0, 0, 0, 0], x.shape.with(3, length)))
        const kept = length === 0 ? undefined : { k: first(layer.k), v: first(layer.v) }
        tf.dispose([layer.k, layer.v])
        return kept
      })
      P = length
    },
    dispose: () => {
      tf.dispose(past.flatMap((layer) => (layer ? [layer.k, layer.v] : [])))
      past = past.map(() => undefined)
      P = 0
    },
  }
}

/** A fresh state of a circuit for one text, native if possible; the caller disposes of it. */
export const startCircuit = (circuit: Circuit, weights: CircuitWeights): CircuitDecoding =>
  native() === undefined ? plainCircuit(circuit, weights) : nativeCircuit(circuit, weights)
