/**
 * One micro-batch of the selective step: statistics, filter, loss on the kept rows, gradient of every trained variable.
 * The draft answers with entries of rows (a model with one); each goes this way, and their losses are added, weighted.
 *
 *     tokens -> trunk -> h -> STATISTICS (no gradient) -> FILTER -> LOSS on kept rows -> dL/dh -> trunk backward
 *
 * The head, the filter and the loss sit inside one custom gradient, because the statistics decide which rows are
 * differentiated; TFJS differentiates the trunk before it. `dense.ts` is the plain form of the same step.
 *
 * Letters: B sequences, T positions, N valid tokens, M rows of an entry, V vocabulary, d and D hidden sizes of draft
 * and target.
 */
import {
  checkedSelection,
  type Draft,
  type DraftRows,
  type Encoder,
  type FilterContext,
  type FilterInstance,
  isDraftHead,
  movedParameters,
  problemTexts,
  type Statistics,
} from "@winnow/core"
import type { Batch } from "@winnow/data"
import { type Rng, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { type EntryTokens, entriesOf, movesTrunk, type SeenBy, seenBy, tokensOf, validRows } from "./draft-entries.ts"
import type { Head } from "./head/head.ts"
import { classPass, type FrozenPass, type Rows, takeFrozen } from "./head/pass.ts"
import { passWithin } from "./head/within.ts"
import { maskedRows } from "./masked-rows.ts"
import { gradientBySource, readTogether, type SourceHeads } from "./sources.ts"
import { hiddenOf } from "./target-states.ts"
import { trainedGradients } from "./trained-gradients.ts"

/** The inputs of a micro-batch, read-only. */
export interface MicroBatch {
  readonly batch: Batch
  readonly draft: Draft
  readonly target?: Encoder | undefined
  readonly reference?: Encoder | undefined
  readonly filter: FilterInstance
  /** Chosen for the filter and the stage's loss. A model with cached signals is not run, and may be left out. */
  readonly head: Head
  /** The heads of sources with losses of their own; left out: all rows have the stage's loss. */
  readonly sources?: SourceHeads | undefined
  readonly step: number
  readonly steps: number
  /** Draws of this micro-batch: the filter's and the loss's, from separate streams. */
  readonly seed: number
  readonly micro: number
  /** True if the gradients are already divided by the denominator, as they are in a step of one micro-batch. */
  readonly divide: boolean
  /**
   * Told of the gradient of a model's head, before the backward pass of its trunk. The tensor stays the step's, but its
   * numbers are final if the head's weight is used nowhere else.
   */
  readonly onHeadGradient?: ((gradient: tf.Tensor) => void) | undefined
}

/** The result of a micro-batch. */
export interface MicroResult {
  /** Sum of weights x loss over the kept tokens of all entries. */
  readonly lossSum: number
  /** The divisor of the loss: the sum of weights, or N. */
  readonly denominator: number
  /** Number of valid tokens, and of kept ones; a token counts once for each entry that predicts it. */
  readonly N: number
  readonly kept: number
  /** For the draft's first entry: its tokens, the filter's weights and statistics. */
  readonly tokens: EntryTokens
  readonly weights_N: Uint8Array | Float32Array
  readonly statistics: Partial<Statistics>
  /** By parameter name. The caller disposes them. */
  readonly gradients: Record<string, tf.Tensor>
}

/** Uniform draws for the losses that sample, one a valid token. */
export const uniforms = (N: number, rng: Rng): Float32Array => Float32Array.from({ length: N }, rng.uniform)

/** The frozen model's hidden states at the valid rows, or for their tokens by masks. They belong to the caller's tidy. */
export const frozenRows = (model: Encoder, batch: Batch, ids_BT: tf.Tensor2D, row_N: tf.Tensor1D): Rows => ({
  h_Nd:
    model.masking === undefined
      ? tf.tidy(() => validRows(hiddenOf(model, batch, ids_BT), row_N))
      : maskedRows(model, batch, model.masking),
  head_Vd: model.frozenHead_Vd,
  logitCap: model.architecture.logitCap,
  headIds: model.headIds,
})

/**
 * The filter's answer for one entry, checked: a filter is a plugin, and a wrong mask must not train.
 *
 * @param entry its number: the filter has other draws for each
 */
export const select = (
  { batch, filter, seed, step, steps, micro }: MicroBatch,
  statistics: Partial<Statistics>,
  tokens: EntryTokens,
  entry: number,
) => {
  const N = tokens.gold_N.length
  const rng = entry === 0 ? seeded(seed, "filter", step, micro) : seeded(seed, "filter", step, micro, entry)
  const context: FilterContext = { N, ...tokens, textOf: problemTexts(batch), step, steps, rng }
  // All statistics that the filter needs are computed; its type hides the others.
  const selection = filter.select({ ...(statistics as Statistics), ...context })
  const { weights_N, divideBy, score_N, kept, sum } = checkedSelection(`filter ${filter.name}`, selection, N)
  return { weights_N, score_N, kept, denominator: divideBy === "kept" ? sum : N }
}

/** A pass without the draft's rows, at all valid rows. It belongs to the caller's tidy. */
const frozenPass = (input: MicroBatch, ids_BT: tf.Tensor2D, row_N: tf.Tensor1D, seen: SeenBy): FrozenPass => {
  const { batch, draft, head, target, reference } = input
  const { reads, signals } = readTogether(head, input.sources)
  const stored = signals.target?.rows(batch)
  const hidden = stored && "hidden" in stored ? stored.hidden : undefined
  const live = () => {
    if (target === undefined) return undefined
    // A draft on the target has already run it.
    const { targetHidden } = isDraftHead(draft) && draft.target === target && !movesTrunk(draft) ? seen : {}
    if (targetHidden === undefined) return frozenRows(target, batch, ids_BT, row_N)
    const { frozenHead_Vd, headIds, architecture } = target
    return { h_Nd: validRows(targetHidden, row_N), head_Vd: frozenHead_Vd, logitCap: architecture.logitCap, headIds }
  }
  return {
    target: reads.has("target") && stored === undefined ? live() : hidden,
    cached: stored && "cached" in stored ? stored.cached : undefined,
    known: signals.reference?.losses(batch),
    reference:
      reads.has("reference") && reference !== undefined ? frozenRows(reference, batch, ids_BT, row_N) : undefined,
    gold_N: batch.gold_N,
    uniform_N: uniforms(batch.row_N.length, seeded(input.seed, "loss", input.step, input.micro)),
    step: input.step,
    steps: input.steps,
  }
}

const tensorsOf = ({ ids_BT, B, T, row_N }: Batch) => ({
  ids_BT: tf.tensor2d(ids_BT, [B, T], "int32"),
  row_N: tf.tensor1d(row_N, "int32"),
})

/** An entry with its statistics and the filter's choice of its rows. It belongs to the caller's tidy. */
const readEntry = (
  input: MicroBatch,
  { h_Md, head_Vd, logitCap, headIds, classes, at_M, weight = 1, added_M }: DraftRows,
  frozen: FrozenPass,
  i: number,
  headIsFrozen: boolean,
) => {
  const of = at_M === undefined ? frozen : takeFrozen(frozen, at_M, tf.tensor1d(at_M, "int32"))
  const { head, sources, batch } = input
  const pass = {
    draft: { h_Nd: h_Md, head_Vd: head_Vd as tf.Tensor2D, logitCap, headIsFrozen },
    ...(classes ? classPass(of, classes, readTogether(head, sources).reads) : passWithin(of, headIds)),
  }
  const opened = head.open(pass)
  const { statistics } = opened
  const gradient = sources ? gradientBySource(head, opened, sources, batch, pass, at_M) : opened.gradient
  const tokens = tokensOf(input.batch, at_M)
  return { tokens, statistics, gradient, weight, added_M, ...select(input, statistics, tokens, i) }
}

/** An entry's own loss of the chosen rows, and its gradient by each row's. The caller owns the tensor. */
const addedLoss = (added_M: tf.Tensor1D, weights_M: Uint8Array | Float32Array, scale: number) => {
  const losses = added_M.dataSync() as Float32Array
  const sum = losses.reduce((sum, loss, m) => sum + weights_M[m]! * loss, 0)
  return { sum, gradient_M: tf.tensor1d(Float32Array.from(weights_M, (w) => w * scale)) }
}

/** A filter's choice among the tokens of a micro-batch. */
export interface Choice {
  /**
   * One weight for each valid token, as the step itself would compute them for the draft's first entry; 0 for a token
   * that the entry does not predict.
   */
  readonly weights_N: Uint8Array | Float32Array
  /** The numbers by which the filter ranked the tokens, where it gives them; NaN for a token that the entry does not predict. */
  readonly score_N: Float32Array | undefined
}

/** A choice among an entry's tokens as one among all valid tokens. */
const spread = ({ weights_N: weights_M, score_N: score_M }: Choice, { at_M }: DraftRows, N: number): Choice => {
  if (at_M === undefined) return { weights_N: weights_M, score_N: score_M }
  const weights_N = weights_M instanceof Uint8Array ? new Uint8Array(N) : new Float32Array(N)
  const score_N = score_M && new Float32Array(N).fill(Number.NaN)
  for (const [m, n] of at_M.entries()) {
    weights_N[n] = weights_M[m]!
    if (score_N) score_N[n] = score_M![m]!
  }
  return { weights_N, score_N }
}

/** The choice that the filter would make for the present draft; no training. */
export const choiceOf = (input: Omit<MicroBatch, "divide">): Choice => {
  const { batch, draft } = input
  const micro = { ...input, divide: true }
  return tf.tidy(() => {
    const { ids_BT, row_N } = tensorsOf(batch)
    const seen = seenBy(draft, batch, ids_BT, input.head.signals.states?.of(batch))
    let entry: DraftRows | undefined
    const h_Md = tf.tidy(() => {
      ;[entry] = entriesOf(draft, batch, seen, row_N)
      return entry!.h_Md
    })
    const frozen = frozenPass(micro, ids_BT, row_N, seen)
    const { weights_N, score_N } = readEntry(micro, { ...entry!, h_Md }, frozen, 0, true)
    return spread({ weights_N, score_N }, entry!, batch.row_N.length) as never // a tidy returns what holds no tensor as it is
  }) as unknown as Choice
}

/** The weights alone of `choiceOf`. */
export const keptWeights = (input: Omit<MicroBatch, "divide">): Uint8Array | Float32Array => choiceOf(input).weights_N

/** The gradients of every trained variable of the draft on one micro-batch. */
export const runMicroBatch = (input: MicroBatch): MicroResult => {
  const { batch, draft } = input
  const moved: ReadonlySet<unknown> = new Set(movedParameters(draft).values())
  let result: Omit<MicroResult, "gradients"> | undefined

  const byName = tf.tidy(() => {
    const { ids_BT, row_N } = tensorsOf(batch)
    const onTape = movesTrunk(draft)
    const stored = input.head.signals.states?.of(batch)
    const seen = onTape ? { ids: ids_BT } : seenBy(draft, batch, ids_BT, stored)
    const frozen = frozenPass(input, ids_BT, row_N, seen)

    /**
     * The loss of all entries, with the gradient by the hidden states of each, by its head, if it is trained, and by its
     * own loss of rows, if it has one.
     */
    const headAndLoss = (entries: ReadonlyArray<DraftRows>): tf.Scalar =>
      tf.customGrad((...inputs) => {
        const save = inputs.pop() as unknown as tf.GradSaveFunc
        const read = entries.map((entry, i) => readEntry(input, entry, frozen, i, !moved.has(entry.head_Vd)))
        const total = (of: (entry: (typeof read)[number]) => number) => read.reduce((sum, entry) => sum + of(entry), 0)
        const denominator = total((entry) => entry.weight * entry.denominator)
        const scale = input.divide ? 1 / denominator : 1
        let lossSum = 0
        const byInput = read.flatMap(({ gradient, weights_N, weight, added_M }) => {
          const { lossSum: ofRows, gradient_Nd, headGradient_Vd } = gradient(weights_N, scale * weight)
          if (headGradient_Vd !== undefined && !isDraftHead(draft)) input.onHeadGradient?.(headGradient_Vd)
          const added = added_M && addedLoss(added_M, weights_N, scale * weight)
          lossSum += weight * (ofRows + (added?.sum ?? 0))
          return [gradient_Nd, headGradient_Vd, added?.gradient_M].filter((x) => x !== undefined)
        })
        save(byInput)
        const { tokens, statistics, weights_N } = read[0]!
        const [N, kept] = [total((entry) => entry.weights_N.length), total((entry) => entry.kept)]
        result = { lossSum, denominator, N, kept, tokens, statistics, weights_N }
        // The loss is the root of the tape, so the gradient function receives exactly 1.
        return { value: tf.scalar(lossSum * scale), gradFunc: (_one, saved) => saved.map((x) => x.clone()) }
      })(
        ...entries.flatMap(({ h_Md, head_Vd, added_M }) => [
          ...(moved.has(head_Vd) ? [h_Md, head_Vd] : [h_Md]),
          ...(added_M ? [added_M] : []),
        ]),
      ) as tf.Scalar

    const entries = () => entriesOf(draft, batch, onTape ? seenBy(draft, batch, ids_BT) : seen, row_N)
    return trainedGradients(draft, () => headAndLoss(entries())).byName
  })
  return { ...result!, gradients: byName }
}
