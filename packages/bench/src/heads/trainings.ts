/**
 * The same head on the same target in three trainings: of all weights, of the head's with the target run in each step, and
 * of the head's on stored states.
 *
 * Letters: B sequences, T positions, V vocabulary, D hidden size of the target.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type DraftHead, type EncodedExample, type Encoder, everyToken, type HeadUse, type Seen } from "@winnow/core"
import { type Batch, collate } from "@winnow/data"
import { eagle } from "@winnow/head-eagle"
import { hydra } from "@winnow/head-hydra"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { llama } from "@winnow/model-llama"
import { initialise, initialiseHead } from "@winnow/models"
import { seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { instanceOf } from "@winnow/testing"
import {
  cachedStates,
  headFor,
  makeOptimizer,
  makeStates,
  openSignals,
  optimizerOptions,
  optimizerStep,
  readTokens,
  runMicroBatch,
  type StatesForm,
  seenBy,
} from "@winnow/training"
import { Effect } from "effect"
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

const idsOf = ({ ids_BT, B, T }: Batch) => tf.tensor2d(ids_BT, [B, T], "int32")

/** A cache of the states that the heads read, in a folder that lasts as long as the process. */
const storedStates = async (target: Encoder, examples: ReadonlyArray<EncodedExample>) => {
  const directory = mkdtempSync(join(tmpdir(), "winnow-bench-heads-"))
  process.on("exit", () => rmSync(directory, { recursive: true, force: true }))
  const form: StatesForm = { precision: "float32", last: true, layers: [] }
  const { tokens, bytesPerToken } = await Effect.runPromise(
    makeStates({ directory, identity: {}, examples, target, form }),
  )
  const signals = openSignals(directory, {}, examples, readTokens)
  return { states: cachedStates(signals, form, examples, target.architecture), bytes: tokens * bytesPerToken }
}

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

/** Random examples, and the batches that they come in, in turn. */
const dataOf = ({ batch, batches, length, vocabulary }: TrainingSetting) => {
  const rng = seeded(1, "bench heads")
  const examples: ReadonlyArray<EncodedExample> = Array.from({ length: batch * batches }, () => ({
    ids: Int32Array.from({ length: length + 1 }, () => rng.below(vocabulary)),
    promptLength: Math.floor(length / 3),
  }))
  const all = Array.from({ length: batches }, (_, b) => {
    const example_B = Int32Array.from({ length: batch }, (_, i) => b * batch + i)
    return collate(
      Array.from(example_B, (e) => examples[e]!),
      0,
      example_B,
    )
  })
  return { examples, all }
}

/** A training of a form on random tokens. Its models live as long as the process. */
export const headTraining = async (setting: TrainingSetting): Promise<HeadTraining> => {
  const target: Encoder = await targetOf(setting)
  const head = initialiseHead(await instanceOf(heads[setting.head]), target, 2)
  const { examples, all } = dataOf(setting)
  const stored = setting.form === "cached" ? await storedStates(target, examples) : undefined
  const draft = setting.form === "full" ? withTarget(head) : head
  const [filter, loss] = [await instanceOf(everyToken()), await instanceOf(crossEntropy())]
  const ofLoss = headFor({ filter, loss, ...(stored && { signals: { states: stored.states } }) })
  const settings = optimizerOptions.assert({ learningRate: 1e-4, warmup: 10 })
  const optimizer = makeOptimizer(draft.trained, settings)
  return {
    trained: draft.trained.values().reduce((sum, { size }) => sum + size, 0),
    cacheBytes: stored?.bytes ?? 0,
    step: (t) => {
      const batch = all[t % all.length]!
      const { loss: value } = optimizerStep(optimizer, settings, t, 1000, 1, (micro, divide) =>
        runMicroBatch({ batch, draft, filter, head: ofLoss, step: t, steps: 1000, seed: 1, micro, divide }),
      )
      return { loss: value, tokens: batch.tokens }
    },
  }
}
