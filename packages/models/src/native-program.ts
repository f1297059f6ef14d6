/**
 * The second interpreter of a description: words for the native decoder, which runs new positions over a cache. The words
 * are described in `packages/tensor/native/decode.h`.
 */
import { headRowsOf } from "@winnow/core"
import type { NativeProgram } from "@winnow/tensor"
import { attentionPlan } from "./attention-plan.ts"
import {
  type Description,
  headColumns,
  type Instruction,
  type Matrix,
  matricesOf,
  type Norm,
  slotWidths,
  stream,
} from "./instructions.ts"
import { rotaryScale, rotaryTables } from "./rotary-tables.ts"

const opCodes = {
  ...{ embed: 0, layer: 1, rms: 2, linear: 3, gate: 4, attend: 5, headNorm: 6, weigh: 7, keep: 8 },
} as const
const orderCodes = { kinds: 0, heads: 1 } as const
const flags = { gelu: 1, add: 2, "gelu-tanh": 4, plusOne: 8, silu: 16 } as const
/** The number of the place for the result of the last norm, and of an absent parameter. */
const none = -1

/**
 * The program of a description.
 * @param keep numbers of layers, increasing, whose inputs the program keeps as well: 0 is the embedding
 */
export const nativeProgram = (of: Description, keep: ReadonlyArray<number> = []): NativeProgram => {
  const { rotaries, windows, layers: attentions } = attentionPlan(of)
  const widths = slotWidths(of)
  const slots = [...widths.keys()]
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
  const outputs = ({ weight }: Matrix) => of.parameters.get(weight)!.shape[0]!
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
        const { rotary, window } = attentions[l]!
        const spec = rotaries[rotary]!
        return line("attend", from, to, [rotary], [spec.rotated, 0, windows[window] ?? 0, rotaryScale(spec), l])
      }
    }
  }
  const { heads, kvHeads, headSize, order } = of.heads
  const body = [
    ...line("embed", none, slot(stream), [of.embed.table, of.embed.positions].map(parameter), [
      of.parameters.get(of.embed.table)!.shape[1]!,
      0,
      0,
      of.embed.scale ?? 1,
    ]),
    ...of.layers.flatMap((layer, l) => [
      ...(keep.includes(l) ? line("keep", slot(stream), none, [], [0, 0, keep.indexOf(l)]) : []),
      ...layer.flatMap((i) => encode(i, l)),
    ]),
    ...normLine(of.norm, stream, none),
  ]
  const instructions = body.length / 12
  return {
    hiddenSize: headColumns(of),
    vocabularySize: of.vocabularySize,
    headRows: headRowsOf(of),
    maxLength: of.maxLength,
    rotaries: rotaries.map(rotaryTables),
    words: Float64Array.from([
      ...[
        headColumns(of),
        of.vocabularySize,
        headRowsOf(of),
        of.layers.length,
        heads,
        kvHeads,
        headSize,
        orderCodes[order],
        rotaries.length,
      ],
      ...[slots.length, instructions, ...widths.values(), ...body],
    ]),
    kept: keep.map(() => of.hiddenSize),
    parameters: [...places.keys()],
    weights: new Set(
      of.layers
        .flat()
        .flatMap(matricesOf)
        .map(({ weight }) => weight),
    ),
  }
}
