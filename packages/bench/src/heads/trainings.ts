/**
 * The same head on the same target in three trainings: of all weights, of the head's with the target run in each step, and
 * of the head's on states that were computed before.
 *
 * Letters: B sequences, T positions, V vocabulary, D hidden size of the target.
 */
import { type DraftHead, type Encoder, everyToken, type HeadUse, type Seen } from "@winnow/core"
import { type Batch, collate } from "@winnow/data"
import { eagle } from "@winnow/head-eagle"
import { hydra } from "@winnow/head-hydra"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { llama } from "@winnow/model-llama"
import { initialise, initialiseHead } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { instanceOf } from "@winnow/testing"
import { headFor, makeOptimizer, optimizerOptions, optimizerStep, runMicroBatch, seenBy } from "@winnow/training"
import type { Sizes } from "../side-by-side/common-options.ts"

/** `full`: target and head are trained; `frozen`: the head, and each step runs the target; `cached`: the head, on stored states. */
export const forms = ["full", "frozen", "cached"] as const
export type Form = (typeof forms)[number]

/** The heads, with the target's vocabulary head, so that the vocabulary costs all forms the same. */
export const heads = {
  hydra: hydra({ heads: 3, vocabulary: "target" }),
  eagle: eagle(),
} satisfies Record<string, HeadUse>
export type HeadName = keyof typeof heads
export const headNames = Object.keys(heads) as ReadonlyArray<HeadName>

export interface TrainingSetting {
  readonly form: Form
  readonly head: HeadName
  readonly target: Sizes
  readonly vocabulary: number
  readonly batch: number
  readonly length: number
  /** Batches that are trained on in turn. */
  readonly batches: number
}

/** A training that is ready. */
export interface HeadTraining {
  readonly step: (t: number) => { readonly loss: number; readonly tokens: number }
  /** Numbers that the optimizer changes. */
  readonly trained: number
  /** Bytes of stored states. */
  readonly cacheBytes: number
}

/** The states that a head reads of a batch, in the memory of the host. */
type Stored = ReadonlyMap<
  "targetHidden" | number,
  { readonly shape: ReadonlyArray<number>; readonly values: Float32Array }
>

const idsOf = ({ ids_BT, B, T }: Batch) => tf.tensor2d(ids_BT, [B, T], "int32")

const storedStates = (head: DraftHead, batch: Batch): Stored => {
  const stored = new Map<"targetHidden" | number, { shape: ReadonlyArray<number>; values: Float32Array }>()
  tf.tidy(() => {
    const { targetHidden, targetLayers } = seenBy(head, batch, idsOf(batch))
    const put = (name: "targetHidden" | number, x: tf.Tensor) =>
      stored.set(name, { shape: x.shape, values: x.dataSync().slice() as Float32Array })
    if (head.layers !== undefined) for (const layer of head.layers) put(layer, targetLayers!.get(layer)!)
    else put("targetHidden", targetHidden!)
  })
  return stored
}

/** The head on stored states: no step runs the target. */
const onStored = (head: DraftHead, stored: ReadonlyMap<Batch, Stored>): DraftHead => ({
  ...head,
  reads: [],
  rows: (problem) => {
    const states = stored.get(problem as Batch)! // the step gives the draft its batch
    const tensors = new Map(Array.from(states, ([name, { shape, values }]) => [name, tf.tensor(values, [...shape])]))
    const fixed = seenBy(
      { ...head, reads: ["targetEmbedding", "targetHead", "targetNorm"] },
      problem,
      idsOf(problem as Batch),
    )
    const seen = {
      ...fixed,
      targetHidden: tensors.get("targetHidden"),
      targetLayers: tensors,
    } as Partial<Seen> as Seen // the heads read no other
    return head.rows(problem, seen)
  },
})

/** The head and its target, trained as one: the pass of the target is part of the step's gradient. */
const withTarget = (head: DraftHead): DraftHead => {
  const all = new Map([
    ...head.parameters,
    ...Array.from(head.target.parameters, ([name, variable]) => [`target.${name}`, variable] as const),
  ])
  return {
    ...head,
    reads: [],
    parameters: all,
    trained: all,
    rows: (problem) => head.rows(problem, seenBy(head, problem, idsOf(problem as Batch)) as Seen),
  }
}

const targetOf = async ({ target: [hidden, layers, heads, intermediate], vocabulary, length }: TrainingSetting) =>
  initialise(
    await instanceOf(
      llama({
        ...{ vocab_size: vocabulary, hidden_size: hidden, num_hidden_layers: layers, num_attention_heads: heads },
        ...{ intermediate_size: intermediate, max_position_embeddings: length + 16 },
      }),
    ),
    1,
  )

const batchesOf = ({ batch, batches, length, vocabulary }: TrainingSetting): ReadonlyArray<Batch> => {
  const rng = seeded(1, "bench heads")
  return Array.from({ length: batches }, () =>
    collate(
      Array.from({ length: batch }, () => ({
        ids: Int32Array.from({ length: length + 1 }, () => rng.below(vocabulary)),
        promptLength: Math.floor(length / 3),
      })),
    ),
  )
}

/** A training of a form on random tokens. Its models live as long as the process. */
export const headTraining = async (setting: TrainingSetting): Promise<HeadTraining> => {
  const target: Encoder = await targetOf(setting)
  const head = initialiseHead(await instanceOf(heads[setting.head]), target, 2)
  const all = batchesOf(setting)
  const stored = new Map(setting.form === "cached" ? all.map((batch) => [batch, storedStates(head, batch)]) : [])
  const draft = { full: withTarget, frozen: (of: DraftHead) => of, cached: (of: DraftHead) => onStored(of, stored) }[
    setting.form
  ](head)
  const [filter, loss] = [await instanceOf(everyToken()), await instanceOf(crossEntropy())]
  const ofLoss = headFor({ filter, loss })
  const settings = optimizerOptions.assert({ learningRate: 1e-4, warmup: 10 })
  const optimizer = makeOptimizer(draft.trained, settings)
  return {
    trained: draft.trained.values().reduce((sum, { size }) => sum + size, 0),
    cacheBytes: stored
      .values()
      .reduce((sum, of) => sum + of.values().reduce((all, { values }) => all + values.byteLength, 0), 0),
    step: (t) => {
      const batch = all[t % all.length]!
      const { loss: value } = optimizerStep(optimizer, settings, t, 1000, 1, (micro, divide) =>
        runMicroBatch({ batch, draft, filter, head: ofLoss, step: t, steps: 1000, seed: 1, micro, divide }),
      )
      return { loss: value, tokens: batch.tokens }
    },
  }
}
