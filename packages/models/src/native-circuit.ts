/**
 * A circuit as a program of the native decoder, and its decoding state.
 *
 * Letters: N rows of a call, W columns of all inputs side by side.
 */
import type { CachedTree } from "@winnow/core"
import { NativeDecoder, type NativeProgram } from "@winnow/tensor"
import { attendsOf, type Circuit, checkInput, targetWeights } from "./circuit.ts"
import type { CircuitDecoding, CircuitWeights } from "./circuit-state.ts"
import { circuitPlan } from "./circuit-tensors.ts"
import { none, orderCodes, programWords } from "./instruction-words.ts"
import { matricesOf } from "./instructions.ts"
import { refuseRollback } from "./native-decoding.ts"
import { decoderWeights } from "./native-parameters.ts"
import { checkPositions, rotaryTables } from "./rotary-tables.ts"
import { grownTree, positionsNeeded, refusePath } from "./tree.ts"

type ShapeOf = (name: string) => ReadonlyArray<number>

/** Columns of every slot of a circuit. */
const circuitWidths = ({ inputs, tokens, instructions, attention }: Circuit, shapeOf: ShapeOf) => {
  const widths = new Map<string, number>([...inputs, ...(tokens ?? [])])
  const of = (slot: string) => {
    const found = widths.get(slot)
    if (found === undefined) throw new Error(`a circuit reads slot ${slot}, which nothing wrote before`)
    return found
  }
  const rows = (weight: string) => shapeOf(weight)[0]!
  for (const i of instructions) {
    if (i.op === "concat")
      widths.set(
        i.to,
        i.from.reduce((sum, slot) => sum + of(slot), 0),
      )
    else if (i.op === "weigh") of(i.to)
    else {
      const from = of(i.from)
      const to = () => {
        switch (i.op) {
          case "linear":
            return i.of.reduce((sum, { weight }) => sum + rows(weight), 0)
          case "gate":
            return i.up === undefined ? rows(i.gate.weight) / 2 : rows(i.gate.weight)
          case "attend":
            return attention!.heads.heads * attention!.heads.headSize
          default:
            return from
        }
      }
      widths.set(i.to, to())
    }
  }
  return widths
}

/** The program of a circuit. */
const circuitProgram = (circuit: Circuit, shapeOf: ShapeOf, maxLength: number): NativeProgram => {
  const { inputs, tokens, table = targetWeights.embedding, instructions, outputs, attention } = circuit
  const plan = circuitPlan(circuit)
  const widths = circuitWidths(circuit, shapeOf)
  const { parameter, parameters, slot, line, encode } = programWords([...widths.keys()], shapeOf, plan)
  const heads = attention?.heads ?? { heads: 1, kvHeads: 1, headSize: 1, order: "kinds" as const }
  let [column, attends] = [0, 0]
  const body = [
    ...[...inputs].flatMap(([name, columns]) => {
      column += columns
      return line("give", none, slot(name), [], [0, 0, column - columns])
    }),
    ...[...(tokens?.keys() ?? [])].flatMap((name, i) =>
      line("embed", none, slot(name), [parameter(table)], [shapeOf(table)[1]!, 0, 0, 1, i + 1]),
    ),
    ...instructions.flatMap((i) => {
      if (i.op !== "concat") return encode(i, i.op === "attend" ? attends++ : 0)
      let at = 0
      return i.from.flatMap((name) => {
        at += widths.get(name)!
        return line("copy", slot(name), slot(i.to), [], [0, 0, at - widths.get(name)!])
      })
    }),
    ...outputs.flatMap((name, i) => line("keep", slot(name), none, [], [0, 0, i])),
  ]
  const V = tokens === undefined || tokens.size === 0 ? 1 : shapeOf(table)[0]!
  const sizes = [
    0,
    V,
    V,
    attendsOf(circuit).length,
    heads.heads,
    heads.kvHeads,
    heads.headSize,
    orderCodes[heads.order],
  ]
  return {
    ...{ hiddenSize: 0, vocabularySize: V, headRows: V, maxLength },
    rotaries: plan.rotaries.map(rotaryTables),
    words: Float64Array.from([
      ...[...sizes, plan.rotaries.length, widths.size, body.length / 12],
      ...[...widths.values(), ...body],
    ]),
    kept: outputs.map((name) => widths.get(name)!),
    parameters: parameters(),
    weights: new Set(instructions.flatMap((i) => (i.op === "concat" ? [] : matricesOf(i).map(({ weight }) => weight)))),
  }
}

/** Programs of circuits; a circuit belongs to a head of fixed shapes. */
const programs = new WeakMap<Circuit, NativeProgram>()

/** A fresh state of a circuit in native code; needs the native library. */
export const nativeCircuit = (circuit: Circuit, { parameters, target }: CircuitWeights): CircuitDecoding => {
  const own = decoderWeights(parameters)
  const ofTarget = decoderWeights(target.parameters)
  const { embedding, head } = target.architecture
  const names: Readonly<Record<string, string>> = { [targetWeights.embedding]: embedding, [targetWeights.head]: head }
  const weights = {
    weight: (name: string) => (names[name] === undefined ? own.weight(name) : ofTarget.weight(names[name])),
    get changes() {
      return own.changes + ofTarget.changes
    },
  }
  const shapeOf: ShapeOf = (name) => {
    const found = weights.weight(name)
    if (found === undefined) throw new Error(`a circuit reads parameter ${name}, which its head does not have`)
    return found.shape
  }
  const maxLength = circuit.attention?.maxLength ?? Number.POSITIVE_INFINITY
  const program = programs.get(circuit) ?? circuitProgram(circuit, shapeOf, maxLength)
  programs.set(circuit, program)
  const decoder = new NativeDecoder(program, weights, targetWeights.head)
  decoder.start(1)
  const attends = circuit.attention !== undefined
  let tree: CachedTree | undefined
  const W = circuit.inputs.values().reduce((sum, columns) => sum + columns, 0)
  const place = (output: string) => {
    const i = circuit.outputs.indexOf(output)
    if (i < 0) throw new Error(`no output ${output}: the circuit has ${circuit.outputs.join(", ")}`)
    return i
  }
  const asked = (output: string, last: number) => decoder.ask(last, place(output))

  return {
    get length() {
      return attends ? decoder.length : 0
    },
    extend: (given, parents) => {
      checkInput(circuit, given)
      const [first] = [...given.inputs]
      const N = first === undefined ? given.ids![0]!.length : first[1].length / circuit.inputs.get(first[0])!
      const lists = given.ids ?? []
      const tokens = new Int32Array(lists.length * N)
      for (const [i, ids] of lists.entries()) tokens.set(ids, i * N)
      const odd = tokens.find((id) => !(id >= 0 && id < program.vocabularySize))
      if (odd !== undefined) throw new Error(`token id ${odd} is not in [0, ${program.vocabularySize})`)
      const grown = attends ? grownTree(tree, parents, true, N, decoder.length) : undefined
      if (attends) checkPositions(positionsNeeded(grown, decoder.length + N), maxLength)
      else if (decoder.length > 0) decoder.rollback(0)
      decoder.give(circuit.inputs.size === 1 ? first![1] : sideBySide(circuit, given.inputs, N, W), W, tokens)
      decoder.extend(new Int32Array(N), N, undefined, grown && parents)
      tree = grown
    },
    states: (output) => decoder.kept(place(output)),
    greedy: (output, head, last) => {
      asked(output, last)
      return decoder.greedy(false, head).argmax
    },
    logits: (output, head, last) => {
      asked(output, last)
      return decoder.logits(head)
    },
    rollback: (length) => {
      refuseRollback(length, attends ? decoder.length : 0)
      refusePath(tree, length, [])
      tree = undefined
      if (attends && length < decoder.length) decoder.rollback(length)
    },
    dispose: () => decoder.dispose(),
  }
}

/** The inputs as one matrix [N, W], in the circuit's order. */
const sideBySide = ({ inputs }: Circuit, given: ReadonlyMap<string, Float32Array>, N: number, W: number) => {
  const rows_NW = new Float32Array(N * W)
  let at = 0
  for (const [slot, columns] of inputs) {
    const x = given.get(slot)!
    for (let n = 0; n < N; n++) rows_NW.set(x.subarray(n * columns, (n + 1) * columns), n * W + at)
    at += columns
  }
  return rows_NW
}
