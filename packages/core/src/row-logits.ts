/** Logits of chosen rows by a vocabulary head, with its cap where it has one. Letters: R rows, d hidden size, V rows of the head. */
import { linear, softCap, type tf } from "@winnow/tensor"
import type { DraftRows } from "./draft-rows.ts"
import type { Encoder } from "./model.ts"

/** The part of an entry that turns hidden states into logits. */
export type VocabularyHead = Pick<DraftRows, "head_Vd" | "headIds" | "logitCap">

/** The head of a model. */
export const vocabularyHead = ({ head_Vd, headIds, architecture: { logitCap } }: Encoder): VocabularyHead => ({
  head_Vd,
  headIds,
  ...(logitCap !== undefined && { logitCap }),
})

/** Logits [R, V] of hidden states, differentiable. For few rows at a time, because of its size. */
export const rowLogits = (
  h_Rd: tf.Tensor2D,
  { head_Vd, logitCap }: Pick<VocabularyHead, "head_Vd" | "logitCap">,
): tf.Tensor2D => softCap(linear(h_Rd, head_Vd as tf.Tensor2D), logitCap)
