/** The contract of an objective's answer, checked in every micro-batch, because a wrong problem must not train. */
import type { ObjectiveInput, Problem } from "../problem.ts"
import { brief, kindOf } from "./brief.ts"
import { PluginFault } from "./fault.ts"

const arrays = ["ids_BT", "length_B", "row_N", "gold_N", "sequence_N", "position_N"] as const

/**
 * A problem of these examples, checked.
 *
 * @param plugin kind and name, for the error
 * @error PluginFault (thrown) for a value that is no problem: names the field, its value and the expected one
 */
export const checkedProblem = (
  plugin: string,
  { examples, vocabularySize: V }: ObjectiveInput,
  problem: Problem,
): Problem => {
  const broken = (rule: string, detail: string) => new PluginFault(plugin, rule, detail)
  if (typeof problem !== "object" || problem === null)
    throw broken("type", `returned ${kindOf(problem)}; expected a problem: { B, T, ids_BT, row_N, gold_N, ... }`)
  for (const name of arrays)
    if (!(problem[name] instanceof Int32Array))
      throw broken("type", `its ${name} is ${kindOf(problem[name])}; expected an Int32Array`)
  const { B, T, ids_BT, length_B, row_N, gold_N, sequence_N, position_N, tokens } = problem
  const N = row_N.length
  const sizes = { B: [B, examples.length], ids_BT: [ids_BT.length, B * T], length_B: [length_B.length, B] } as const
  for (const [name, [actual, expected]] of Object.entries(sizes))
    if (actual !== expected) throw broken("size", `its ${name} has ${actual}, expected ${expected}`)
  for (const name of ["gold_N", "sequence_N", "position_N"] as const)
    if (problem[name].length !== N) throw broken("size", `its ${name} has ${problem[name].length}, its row_N ${N}`)
  if (N === 0)
    throw broken("predicts something", "predicts no token of these examples, so there is nothing to train on")
  const outside = (name: string, values: Int32Array, size: number) => {
    const at = values.findIndex((x) => !(x >= 0 && x < size))
    if (at >= 0) throw broken("ids", `${name}[${at}] is ${values[at]}; the model has ids 0 to ${size - 1}`)
  }
  outside("ids_BT", ids_BT, V)
  outside("gold_N", gold_N, V)
  let sum = 0
  for (let b = 0; b < B; b++) {
    const length = length_B[b]!
    if (!(length >= 1 && length <= T)) throw broken("size", `length_B[${b}] is ${length}; expected 1 to ${T}`)
    sum += length
  }
  if (tokens !== sum) throw broken("size", `its tokens are ${brief(tokens)}; the sum of length_B is ${sum}`)
  for (let n = 0; n < N; n++) {
    const b = sequence_N[n]!
    const t = row_N[n]! - b * T
    if (!(b >= 0 && b < B && t >= 0 && t < length_B[b]!))
      throw broken("rows", `row_N[${n}] is ${row_N[n]}, which is no input of sequence_N[${n}] = ${b}`)
    if (n > 0 && row_N[n]! <= row_N[n - 1]!)
      throw broken("rows", `row_N[${n}] is ${row_N[n]} after ${row_N[n - 1]}; expected ascending rows, each once`)
    const { ids } = examples[b]!
    const position = position_N[n]!
    if (ids[position] !== gold_N[n])
      throw broken("gold", `gold_N[${n}] is ${gold_N[n]}; token ${position} of its example is ${ids[position]}`)
  }
  return problem
}
