/**
 * Instructions as words for the native decoder, which are described in `packages/tensor/native/decode.h`.
 */
import type { AttentionPlan } from "./attention-plan.ts"
import type { Instruction, Matrix, Norm } from "./instructions.ts"
import { rotaryScale } from "./rotary-tables.ts"

const opCodes = {
  ...{ embed: 0, layer: 1, rms: 2, linear: 3, gate: 4, attend: 5, headNorm: 6, weigh: 7, keep: 8, give: 9, copy: 10 },
} as const
export const orderCodes = { kinds: 0, heads: 1 } as const
const flags = { gelu: 1, add: 2, "gelu-tanh": 4, plusOne: 8, silu: 16 } as const
/** The number of the place for the result of the last norm, and of an absent parameter. */
export const none = -1

/** Makes the words of one program. */
export interface ProgramWords {
  /** The place of a parameter; -1 for none. */
  readonly parameter: (name: string | undefined) => number
  /** The names of the parameters that have a place, in its order. */
  readonly parameters: () => ReadonlyArray<string>
  readonly slot: (name: string) => number
  readonly line: (
    op: keyof typeof opCodes,
    from: number,
    to: number,
    p: ReadonlyArray<number>,
    numbers?: ReadonlyArray<number>,
  ) => ReadonlyArray<number>
  readonly normLine: (norm: Norm, from: string, to: number, add?: boolean) => ReadonlyArray<number>
  /** The words of an instruction; `l` is the number of its attention. */
  readonly encode: (i: Instruction, l: number) => ReadonlyArray<number>
}

/**
 * @param slots the names of the slots, in the order of their places
 * @param shapeOf the shape of a parameter
 */
export const programWords = (
  slots: ReadonlyArray<string>,
  shapeOf: (name: string) => ReadonlyArray<number>,
  { rotaries, windows, layers: attentions }: AttentionPlan,
): ProgramWords => {
  const places = new Map<string, number>()
  const parameter = (name: string | undefined) => {
    if (name === undefined) return none
    if (!places.has(name)) places.set(name, places.size)
    return places.get(name)!
  }
  const line = (
    op: keyof typeof opCodes,
    from: number,
    to: number,
    p: ReadonlyArray<number>,
    [outputs = 0, flag = 0, column = 0, eps = 0, layer = 0]: ReadonlyArray<number> = [],
  ) => [opCodes[op], from, to, ...[0, 1, 2, 3].map((at) => p[at] ?? none), outputs, flag, column, eps, layer]
  const slot = (name: string) => slots.indexOf(name)
  const outputs = ({ weight }: Matrix) => shapeOf(weight)[0]!
  const plusOneFlag = (plusOne = false) => (plusOne ? flags.plusOne : 0)
  const normLine = ({ kind, scale, shift, eps, plusOne }: Norm, from: string, to: number, add = false) => {
    const flag = plusOneFlag(plusOne) | (add ? flags.add : 0)
    return line(kind, slot(from), to, [parameter(scale), parameter(shift)], [0, flag, 0, eps])
  }

  const encode = (i: Instruction, l: number): ReadonlyArray<number> => {
    const [from, to] = [slot(i.from), slot(i.to)]
    switch (i.op) {
      case "norm":
        return normLine(i, i.from, to, i.add)
      case "linear": {
        const flag = (i.activation === undefined ? 0 : flags[i.activation]) | (i.add ? flags.add : 0)
        let column = 0
        return i.of.flatMap((m) => {
          const at = column
          column += outputs(m)
          return line("linear", from, to, [parameter(m.weight), parameter(m.bias)], [outputs(m), flag, at])
        })
      }
      case "gate": {
        const { gate, up } = i
        const names = [gate.weight, up?.weight, gate.bias, up?.bias]
        const flag = i.activation === undefined ? 0 : flags[i.activation]
        return line("gate", from, to, names.map(parameter), [
          up === undefined ? outputs(gate) / 2 : outputs(gate),
          flag,
        ])
      }
      case "headNorm":
        return line("headNorm", from, to, [i.queries, i.keys].map(parameter), [0, plusOneFlag(i.plusOne), 0, i.eps])
      case "weigh":
        return line("weigh", from, to, [i.by, i.against].map(parameter))
      case "attend": {
        const { rotary, window, cap = 0 } = attentions[l]!
        const spec = rotaries[rotary]!
        return line("attend", from, to, [rotary], [spec.rotated, cap, windows[window] ?? 0, rotaryScale(spec), l])
      }
    }
  }
  return { parameter, parameters: () => [...places.keys()], slot, line, normLine, encode }
}
