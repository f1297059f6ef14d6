/**
 * The interpreter of a description for decoding: words for the native decoder, which runs new positions over a cache. The words
 * are described in `packages/tensor/native/decode.h`.
 */
import { headRowsOf } from "@winnow/core"
import type { NativeProgram } from "@winnow/tensor"
import { attentionPlan } from "./attention-plan.ts"
import { none, orderCodes, programWords } from "./instruction-words.ts"
import { type Description, headColumns, matricesOf, slotWidths, stream } from "./instructions.ts"
import { rotaryTables } from "./rotary-tables.ts"

/**
 * The program of a description.
 * @param keep numbers of layers, increasing, whose inputs the program keeps as well: 0 is the embedding
 */
export const nativeProgram = (of: Description, keep: ReadonlyArray<number> = []): NativeProgram => {
  const plan = attentionPlan(of)
  const { rotaries } = plan
  const widths = slotWidths(of)
  const slots = [...widths.keys()]
  const { parameter, parameters, slot, line, normLine, encode } = programWords(
    slots,
    (name) => of.parameters.get(name)!.shape,
    plan,
  )
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
    ...(of.head.cap !== undefined && { logitCap: of.head.cap }),
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
    parameters: parameters(),
    weights: new Set(
      of.layers
        .flat()
        .flatMap(matricesOf)
        .map(({ weight }) => weight),
    ),
  }
}
