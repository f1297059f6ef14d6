/**
 * Computes the signals of frozen models for a data set, once: the target in one of its forms, the reference's losses.
 *
 * Letters: N valid tokens of a batch, V vocabulary, D hidden size of the target, M statistics.
 */
import {
  DataError,
  type Encoder,
  type InvalidInput,
  type LossInstance,
  modelsRead,
  type ReferenceStatistic,
} from "@winnow/core"
import type { Batch } from "@winnow/data"
import { precision, type TrainedRows, tf, valuesOf, withPrecision } from "@winnow/tensor"
import type { Effect } from "effect"
import { headFor } from "../head/head.ts"
import type { Rows } from "../head/pass.ts"
import { passWithin } from "../head/within.ts"
import { frozenRows } from "../micro-batch.ts"
import type { CachedSignals } from "./cached.ts"
import { encodeTarget } from "./encode.ts"
import { bytesPerToken, type CachedForm, precisionOf } from "./forms.ts"
import type { SignalsHeader } from "./header.ts"
import { type WriteOptions, writeSignals } from "./write.ts"

/** Options of both kinds of cache. */
export interface MakeOptions extends Omit<WriteOptions, "bytesPerToken" | "encode" | "table"> {
  /** Rows of a chunk of logits. */
  readonly chunkRows: number
}

/** Runs models on a batch: `use` receives a function from a model to its rows. Intermediate tensors are freed. */
const onBatch = (batch: Batch, use: (rowsOf: (model: Encoder) => Rows) => Uint8Array): Uint8Array => {
  let bytes: Uint8Array | undefined
  tf.tidy(() => {
    const ids_BT = tf.tensor2d(batch.ids_BT, [batch.B, batch.T], "int32")
    const row_N = tf.tensor1d(batch.row_N, "int32")
    bytes = use((model) => frozenRows(model, batch, ids_BT, row_N))
  })
  return bytes!
}

/**
 * Writes the target's signals for all trained tokens of a data set. Hidden states come with the head, float32.
 *
 * Products are in the form's precision, or else in the present one.
 *
 * @error DataError as `writeSignals`
 */
export const makeTargetSignals = (
  options: MakeOptions & { readonly target: Encoder; readonly form: CachedForm },
): Effect.Effect<SignalsHeader, DataError | InvalidInput> => {
  const { target, form, chunkRows } = options
  const { hiddenSize: D, vocabularySize: V, logitCap } = target.architecture
  return writeSignals({
    ...options,
    bytesPerToken: bytesPerToken(form, { D, V }),
    encode: (batch) =>
      withPrecision(precisionOf(form) ?? precision(), () =>
        onBatch(batch, (rowsOf) => encodeTarget(form, rowsOf(target), batch, chunkRows)),
      ),
    // The first shard holds the head for all.
    ...(form === "hidden" && (options.shard?.index ?? 0) === 0
      ? { table: { shape: [V, D], values: () => valuesOf(target.frozenHead_Vd), logitCap } }
      : {}),
  })
}

/** The loss of the reference is the arm's loss, so it has the needs of that loss. */
export interface ReferenceMakeOptions extends MakeOptions {
  readonly reference: Encoder
  readonly statistics: ReadonlyArray<ReferenceStatistic>
  readonly loss: LossInstance
  /** Runs if the loss compares to the target and `signals` has no cache of it. */
  readonly target?: Encoder | undefined
  /** The target from the cache that the arm reads, so that draft and reference are compared to the same. */
  readonly signals?: Pick<CachedSignals, "target">
}

/** The loss, if it is a function of the token alone: one with new draws, or a schedule, has no value to keep. */
const beforehand = (loss: LossInstance): LossInstance => {
  const refuse = (why: string): never => {
    throw new DataError({
      message: `loss ${loss.name} ${why}, so the reference's cannot be kept; set signals.reference to live`,
    })
  }
  return {
    ...loss,
    value: (chunk) =>
      loss.value({
        ...chunk,
        get uniform_R() {
          return refuse("draws at random at each step")
        },
        get step() {
          return refuse("changes with the steps")
        },
        get steps() {
          return refuse("changes with the steps")
        },
      }),
  }
}

/**
 * Writes the reference's losses for all trained tokens of a data set, in nats as the loss gives them: 4 bytes each.
 *
 * @error DataError as `writeSignals`, and for a loss that draws at random or changes with the steps
 */
export const makeReferenceSignals = (
  options: ReferenceMakeOptions,
): Effect.Effect<SignalsHeader, DataError | InvalidInput> => {
  const { reference, statistics, target, signals, chunkRows } = options
  const loss = beforehand(options.loss)
  const M = statistics.length
  const head = headFor({ filter: { needs: statistics }, loss, signals, chunkRows })
  const readsTarget = modelsRead(statistics, loss).has("target")
  return writeSignals({
    ...options,
    bytesPerToken: 4 * M,
    encode: (batch) =>
      onBatch(batch, (rowsOf) => {
        const N = batch.row_N.length
        const stored = readsTarget ? signals?.target?.rows(batch) : undefined
        const live = readsTarget && stored === undefined && target !== undefined ? rowsOf(target) : undefined
        const rows = rowsOf(reference)
        const frozen = {
          reference: rows,
          target: stored && "hidden" in stored ? stored.hidden : live,
          cached: stored && "cached" in stored ? stored.cached : undefined,
          gold_N: batch.gold_N,
          uniform_N: new Float32Array(N),
          step: 0,
          steps: 1,
        }
        // A draft beside this reference predicts the reference's ids.
        const { statistics: losses } = head.open({
          draft: rows as TrainedRows, // It is unused: no statistic here reads a draft, and no gradient is computed.
          ...passWithin(frozen, reference.headIds),
        })
        const values = new Float32Array(N * M)
        for (const [m, name] of statistics.entries()) for (let n = 0; n < N; n++) values[n * M + m] = losses[name]![n]!
        return new Uint8Array(values.buffer)
      }),
  })
}
