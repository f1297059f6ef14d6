/** A score of a model, before any training of the run: the score's plugin on texts of the validation split. */
import { Categorical, type EncodedExample, type Encoder, type ScoreFigures, type ScoreUse } from "@winnow/core"
import { collate } from "@winnow/data"
import { driven, type Pieces } from "@winnow/generation"
import { seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { chunkRowsFor } from "@winnow/training"
import { Effect } from "effect"
import { plain } from "../experiment/plain-json.ts"
import { partOf, type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import { openModel } from "./models.ts"
import { decodingStep } from "./rollouts.ts"
import { readSplit } from "./text.ts"

/** Texts that go through the model at once. */
const batchSize = 8

/** The first texts that together have this many trained tokens; all where there are fewer. */
const firstTexts = (examples: ReadonlyArray<EncodedExample>, tokens: number): ReadonlyArray<EncodedExample> => {
  let sum = 0
  const needed = examples.findIndex(({ ids, promptLength }) => {
    sum += ids.length - Math.max(1, promptLength)
    return sum >= tokens
  })
  return needed < 0 ? examples : examples.slice(0, needed + 1)
}

/** Every figure of the scored tokens, in pieces of a batch; nothing of size [N, V] stays alive. */
export function* figuresOf(
  model: Encoder,
  texts: ReadonlyArray<EncodedExample>,
): Pieces<ScoreFigures & { readonly gold_N: Int32Array; readonly sequence_N: Int32Array }> {
  const d = model.architecture.hiddenSize
  const chunkRows = chunkRowsFor(model.architecture.vocabularySize)
  const [h, loss, entropy]: [Array<number[]>, number[], number[]] = [[], [], []]
  const [gold, sequence]: [number[], number[]] = [[], []]
  for (let from = 0; from < texts.length; from += batchSize) {
    const batch = collate(texts.slice(from, from + batchSize))
    tf.tidy(() => {
      const ids_BT = tf.tensor2d(batch.ids_BT, [batch.B, batch.T], "int32")
      const rows_d = tf.reshape(model.hidden(ids_BT), [batch.B * batch.T, d])
      for (let at = 0; at < batch.row_N.length; at += chunkRows) {
        const rows = batch.row_N.subarray(at, at + chunkRows)
        const gold_R = batch.gold_N.subarray(at, at + chunkRows)
        tf.tidy(() => {
          const h_Rd = tf.gather(rows_d, tf.tensor1d(rows, "int32")) as tf.Tensor2D
          const q = new Categorical(tf.matMul(h_Rd, model.head_Vd as tf.Tensor2D, false, true))
          h.push(...(h_Rd.arraySync() as number[][]))
          loss.push(...q.nll_R(tf.tensor1d(gold_R, "int32")).dataSync())
          entropy.push(...q.entropy_R().dataSync())
        })
      }
    })
    gold.push(...batch.gold_N)
    sequence.push(...Array.from(batch.sequence_N, (b) => from + b))
    yield
  }
  return {
    h_Nd: Float32Array.from(h.flat()),
    loss_N: Float32Array.from(loss),
    entropy_N: Float32Array.from(entropy),
    gold_N: Int32Array.from(gold),
    sequence_N: Int32Array.from(sequence),
  }
}

/**
 * The stage of one score of one model; its summary is `{ score, tokens }`.
 *
 * @param spec.tokens trained tokens of the validation split that are scored, at least: whole texts from its beginning
 */
export const startScoreStage = (spec: {
  readonly label: string
  readonly score: ScoreUse
  readonly model: Stage
  readonly data: Stage
  readonly tokens: number
  readonly seed: number
}) =>
  Effect.gen(function* () {
    const { label, score, model, data, tokens, seed } = spec
    return stage({
      kind: "start-score",
      label,
      config: { score: yield* plain(score), split: "validation", tokens },
      inputs: [model, partOf(data, "validation")],
      code: stageCode({ revisions: ["measuring"], tensors: true, plugins: [score] }),
      seed,
      run: ({ inputs: [modelArtifact, dataArtifact] }) =>
        Effect.gen(function* () {
          const opened = yield* openModel(modelArtifact!)
          const { of } = yield* score.instance
          const texts = firstTexts((yield* readSplit(dataArtifact!, "validation")).examples, tokens)
          const figures = yield* decodingStep(label, (signal) => driven(figuresOf(opened, texts), signal))
          const N = figures.gold_N.length
          const d = opened.architecture.hiddenSize
          return { score: of({ ...figures, N, d, rng: seeded(seed, "score", score.name) }), tokens: N }
        }).pipe(Effect.scoped),
    })
  })
