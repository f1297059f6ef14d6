/**
 * The figures that scores read of a model: hidden states at samples, and losses, entropies and acceptance of tokens.
 *
 * Letters: N samples, M scored tokens, d hidden size, B sequences, T positions, R rows of a chunk, V vocabulary.
 */
import {
  Categorical,
  type EncodedExample,
  type Encoder,
  InvalidInput,
  rowLogits,
  type ScoreFigure,
  type ScoreFigures,
  vocabularyHead,
} from "@winnow/core"
import { collate } from "@winnow/data"
import type { Pieces } from "@winnow/generation"
import { finalNorm, hiddenByLayer } from "@winnow/models"
import { tf } from "@winnow/tensor"
import { chunkRowsFor, modelRows } from "@winnow/training"
import { type Samples, textsAtOnce } from "./samples.ts"

/** States of the samples at one layer, N x d row-major, and its lens, where a score reads it. */
export interface LayerStates extends Partial<Pick<ScoreFigures, "lensAcceptance_N" | "lensAgreement_N">> {
  /** 0 is the embedding, the last is after the final norm. */
  readonly layer: number
  readonly d: number
  readonly h_Nd: Float32Array
}

/** States after the final norm with the 1 of a head's bias, where the model has one. */
const withBias = ({ architecture }: Encoder, h_Rd: tf.Tensor2D): tf.Tensor2D =>
  h_Rd.shape[1] === architecture.hiddenSize ? h_Rd : (tf.concat([h_Rd, tf.ones([h_Rd.shape[0], 1])], 1) as tf.Tensor2D)

/**
 * The lens of some states of one layer, before the final norm: the distributions that the model would have if the layer were
 * its last one, beside those that it has. Nothing of size [R, V] stays alive.
 *
 * @param last_RD the states after the final norm
 */
const lensOf = (model: Encoder, x_Rd: tf.Tensor2D | undefined, last_RD: tf.Tensor2D) => {
  const R = last_RD.shape[0]
  const [acceptance_R, agreement_R] = [new Float32Array(R).fill(1), new Float32Array(R).fill(1)]
  if (x_Rd === undefined) return { acceptance_R, agreement_R } // the last layer
  const chunkRows = chunkRowsFor(model.architecture.vocabularySize)
  for (let at = 0; at < R; at += chunkRows)
    tf.tidy(() => {
      const some = [at, 0] as [number, number]
      const size = [Math.min(chunkRows, R - at), -1] as [number, number]
      const [q, p] = [finalNorm(model, tf.slice(x_Rd, some, size)), tf.slice(last_RD, some, size)].map(
        (h_RD) => new Categorical(rowLogits(h_RD, vocabularyHead(model))),
      )
      acceptance_R.set(tf.sum(tf.minimum(q!.p_RV(), p!.p_RV()), 1).dataSync() as Float32Array, at)
      const same_R = tf.equal(tf.argMax(q!.logits_RV, 1), tf.argMax(p!.logits_RV, 1))
      agreement_R.set(tf.cast(same_R, "float32").dataSync() as Float32Array, at)
    })
  return { acceptance_R, agreement_R }
}

/**
 * The states of the samples, at each layer or at the last one.
 *
 * @param withLens true: with the lens of each layer
 */
export function* statesOf(
  model: Encoder,
  examples: ReadonlyArray<EncodedExample>,
  { text_N, position_N }: Samples,
  layers: "last" | "all",
  withLens = false,
): Pieces<ReadonlyArray<LayerStates>> {
  const N = text_N.length
  const found = new Map<number, LayerStates>()
  const texts = [...new Set(text_N)]
  let n = 0 // Samples ascend by text.
  for (let from = 0; from < texts.length; from += textsAtOnce) {
    const some = texts.slice(from, from + textsAtOnce)
    const { ids_BT, B, T } = collate(some.map((text) => examples[text]!))
    const begin = n
    const rows: Array<number> = []
    for (; n < N && some.includes(text_N[n]!); n++) rows.push(some.indexOf(text_N[n]!) * T + position_N[n]!)
    tf.tidy(() => {
      const all = hiddenByLayer(model, tf.tensor2d(ids_BT, [B, T], "int32"))
      const last = all.length - 1
      const at_R = tf.tensor1d(rows, "int32")
      const rowsOf = (h_BTd: tf.Tensor3D) => tf.gather(tf.reshape(h_BTd, [B * T, h_BTd.shape[2]]), at_R) as tf.Tensor2D
      const last_RD = withLens ? withBias(model, rowsOf(all[last]!)) : undefined
      for (const [l, h_BTd] of all.entries()) {
        if (layers === "last" && l < last) continue
        const d = h_BTd.shape[2]
        const layer = model.architecture.layers - last + l
        const states = found.get(layer) ?? {
          ...{ layer, d, h_Nd: new Float32Array(N * d) },
          ...(withLens && { lensAcceptance_N: new Float32Array(N), lensAgreement_N: new Float32Array(N) }),
        }
        found.set(layer, states)
        const h_Rd = rowsOf(h_BTd)
        states.h_Nd.set(h_Rd.dataSync() as Float32Array, begin * d)
        if (last_RD === undefined) continue
        const { acceptance_R, agreement_R } = lensOf(model, l === last ? undefined : h_Rd, last_RD)
        states.lensAcceptance_N!.set(acceptance_R, begin)
        states.lensAgreement_N!.set(agreement_R, begin)
      }
    })
    yield
  }
  return [...found.values()]
}

/** Figures of tokens, by name. */
export type TokenFigures = Readonly<Record<"loss_M" | "entropy_M" | "acceptance_M", Float32Array>>

/** True for the figures of tokens. */
export const isOfTokens = (figure: ScoreFigure): figure is keyof TokenFigures => figure.endsWith("_M")

/**
 * The wanted figures of every trained token of these texts; the others are empty. Nothing of size [M, V] stays alive.
 *
 * @param target for the acceptance
 */
export function* tokenFigures(
  model: Encoder,
  texts: ReadonlyArray<EncodedExample>,
  wanted: ReadonlySet<ScoreFigure>,
  target: Encoder | undefined,
): Pieces<TokenFigures> {
  if (model.headIds !== undefined) {
    const problems = [`a start predicts ${model.headIds.id_U.length} ids only; rank starts before a smaller vocabulary`]
    throw new InvalidInput({ what: "scores", problems })
  }
  const [loss, entropy, acceptance]: [number[], number[], number[]] = [[], [], []]
  const chunkRows = chunkRowsFor(model.architecture.vocabularySize)
  for (let from = 0; from < texts.length; from += textsAtOnce) {
    const batch = collate(texts.slice(from, from + textsAtOnce))
    tf.tidy(() => {
      const [own, others] = [modelRows(model, batch), target && modelRows(target, batch)]
      for (let at = 0; at < batch.row_N.length; at += chunkRows)
        tf.tidy(() => {
          const gold_R = batch.gold_N.subarray(at, at + chunkRows)
          const categorical = (of: typeof own) =>
            new Categorical(rowLogits(tf.slice(of.h_Md, [at, 0], [gold_R.length, -1]), of))
          const q = categorical(own)
          if (wanted.has("loss_M")) loss.push(...q.nll_R(tf.tensor1d(gold_R, "int32")).dataSync())
          if (wanted.has("entropy_M")) entropy.push(...q.entropy_R().dataSync())
          if (wanted.has("acceptance_M") && others !== undefined) {
            const p = categorical(others)
            acceptance.push(...tf.sum(tf.minimum(q.p_RV(), p.p_RV()), 1).dataSync())
          }
        })
    })
    yield
  }
  return {
    loss_M: Float32Array.from(loss),
    entropy_M: Float32Array.from(entropy),
    acceptance_M: Float32Array.from(acceptance),
  }
}
