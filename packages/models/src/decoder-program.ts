/** Parts of the programs for the native decoder that all families share: sizes, heads, rotary tables. */
import type { DecodeInstruction, DecodeProgram } from "@winnow/tensor"
import type { HeadLayout } from "./attention.ts"
import { type RotarySpec, rotaryTables } from "./rotary-tables.ts"

/** A family's program; `slots` has the columns of each value, `x` the hidden size. */
export const decoderProgram = (
  rotary: RotarySpec,
  layout: HeadLayout,
  layers: number,
  vocabularySize: number,
  slots: DecodeProgram["slots"] & { readonly x: number },
  instructions: ReadonlyArray<DecodeInstruction>,
): DecodeProgram => ({
  ...layout,
  hiddenSize: slots.x,
  vocabularySize,
  layers,
  maxLength: rotary.maxLength,
  rotated: rotary.rotated,
  rotary: rotaryTables(rotary),
  slots,
  instructions,
})
