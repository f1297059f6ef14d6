/**
 * A statistic of a token is a value: its name, the models that it reads, and one number a valid token in three forms.
 *
 * The forms are `definition` (one row, double precision: the tests compare the others with it), `plain` (tensors of a
 * chunk) and `native` (a question to the fused vocabulary head). A chunk is [R, V] of logits; nothing of size [N, V]
 * exists.
 *
 * Letters: N valid tokens of a micro-batch, R rows of a chunk, V vocabulary, k entries a row; p target, q draft, r
 * reference.
 */
import type { HeadStatistic, tf } from "@winnow/tensor"
import type { Categorical } from "../categorical.ts"
import type { SparseRows, SparseTarget } from "../sparse-target.ts"

/** The models that a statistic can read; each costs a pass of its vocabulary head over the valid rows. */
export type ModelRole = "draft" | "target" | "reference"

/** One row in double precision: the log-probabilities [V] of each model that is read, nats. */
export type StatisticRow<R extends ModelRole = ModelRole> = { readonly [M in R]: Float64Array } & {
  readonly gold: number
}

/** The most probable token of a row; the lowest id among equal ones. */
export const argmaxOf = (logP_V: Float64Array): number => logP_V.indexOf(logP_V.reduce((a, b) => Math.max(a, b)))

/** Rows of one chunk. The tensors belong to the caller's tidy, and so does the result. */
export type StatisticChunk<R extends ModelRole = ModelRole> = { readonly [M in R]: Categorical } & {
  /** int32 */
  readonly gold_R: tf.Tensor1D
}

/** The answers of the native head, [N] each, for its questions. */
export type HeadAnswers = Readonly<Partial<Record<HeadStatistic, Float32Array>>>

/** A statistic as the native head gives it, at temperature 1. */
export interface NativeForm {
  readonly ask: ReadonlyArray<HeadStatistic>
  /** Computes the statistic from the answers; the first answer itself if left out. */
  readonly of?: (answers: HeadAnswers) => Float32Array
}

/** A statistic of the target that is exact even if only a part of the target is known. */
export interface PartForm<R extends ModelRole = ModelRole> {
  readonly plain: (chunk: StatisticChunk<Exclude<R, "target">> & { readonly sparse: SparseTarget }) => tf.Tensor1D
  /** `ask` concerns draft and reference only. */
  readonly native: {
    readonly ask: ReadonlyArray<HeadStatistic>
    readonly of: (answers: HeadAnswers, rows: SparseRows) => Float32Array
  }
}

/** The range of a statistic's values. */
export interface StatisticRange {
  readonly from: number
  /** "log V": the entropy of the uniform distribution, nats. "V - 1": the rank of the last token. */
  readonly to: number | "log V" | "V - 1"
  /** True if all values are whole numbers. */
  readonly whole?: true
}

interface Common<Name extends string, R extends ModelRole> {
  /** Ends in `_N`: an array of length N. */
  readonly name: Name
  /** The number of a token, in a few words for the table of docs/plugins.md. */
  readonly about: string
  readonly reads: ReadonlyArray<R>
  readonly range: StatisticRange
}

/** The loss of the arm itself, with a model in the draft's place. It reads the target too if the loss does. */
export interface ActiveLoss<Name extends string = string, R extends ModelRole = ModelRole> extends Common<Name, R> {
  readonly lossOf: "draft" | "reference"
}

/** A statistic with a formula of its own. */
export interface OwnStatistic<Name extends string = string, R extends ModelRole = ModelRole> extends Common<Name, R> {
  readonly lossOf?: undefined
  readonly definition: (row: StatisticRow<R>) => number
  readonly plain: (chunk: StatisticChunk<R>) => tf.Tensor1D
  /** Left out: a filter that needs it has its statistics computed on chunks of logits. */
  readonly native?: NativeForm
  /** Caches that contain a part of the target and give this statistic exactly. Left out: none does. */
  readonly from?: { readonly [K in SparseTarget["kind"]]?: PartForm<R> }
}

export type StatisticSpec<Name extends string = string, R extends ModelRole = ModelRole> =
  | ActiveLoss<Name, R>
  | OwnStatistic<Name, R>

/** A statistic with a formula of its own; the types of `definition` and `plain` follow from `reads`. */
export const ownStatistic = <const Name extends `${string}_N`, const R extends ModelRole>(
  spec: OwnStatistic<Name, R>,
): OwnStatistic<Name, R> => spec

/** The active loss of a model. */
export const activeLoss = <const Name extends `${string}_N`, const R extends "draft" | "reference">(
  spec: Omit<ActiveLoss<Name, R>, "reads"> & { readonly lossOf: R },
): ActiveLoss<Name, R> => ({ ...spec, reads: [spec.lossOf] })
