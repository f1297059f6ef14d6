/**
 * Evidence from finished texts of the target: acceptance and tau for every draft length at once, without decoding. A
 * draft model needs one teacher-forced pass, a deterministic proposer a replay.
 *
 * Letters: R rows of a chunk, V vocabulary, U ids that the draft can propose, T generated tokens of a rollout; p target, q draft.
 */
import {
  checkedOptions,
  DataError,
  type Decoder,
  type HeadIds,
  type Proposer,
  type Sampling,
  samplingOptions,
} from "@winnow/core"
import { atOnce } from "@winnow/files"
import { adjusted, argmaxRows, type Pieces, type Rollout, row } from "@winnow/generation"
import { klDivergence, logSoftmax } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { readableLength } from "./block-structure.ts"
import { type ForcedRows, type PassOptions, passOptions, perPosition, teacherForced } from "./teacher-forced.ts"

/** The evidence common to all proposers: for each rollout, one number for each generated position. */
interface CommonEvidence {
  readonly sampling: Sampling
  readonly rollouts: ReadonlyArray<Rollout>
  /**
   * sum_v min(p_v, q_v) of the adjusted distributions, at the positions that the proposer can read; null when greedy.
   * For a deterministic proposer 1 where its first token is the text's, else 0: on samples of the target the mean is
   * the same.
   */
  readonly overlap: ReadonlyArray<Float64Array> | null
  /**
   * KL(p || q) in nats at the sampling's temperature, before top-k and top-p, whose different cuts would make it
   * infinite. For a draft that can propose some ids only, p is the target's distribution over these ids, for the same
   * reason. Null without a draft model, and when greedy.
   */
  readonly kl: ReadonlyArray<Float64Array> | null
}

/** Evidence of a draft model, from a pass. */
export interface PassEvidence extends CommonEvidence {
  readonly kind: "pass"
  /** Tokens from the start of each text that the draft's context covers: all, unless the context is short. */
  readonly readable: ReadonlyArray<number>
  /** Chance that a drafted token is accepted, given the text: input of `expectedCounts`. 0 beyond `readable`. */
  readonly chance: ReadonlyArray<Float64Array>
}

/** Evidence of a deterministic proposer, from a replay: input of `replayedCounts`. */
export interface ReplayEvidence extends CommonEvidence {
  readonly kind: "replay"
  /** Tokens proposed where a block begins, within the replay's room. */
  readonly proposed: ReadonlyArray<Int32Array>
  /** Of these, the leading tokens that match the text. */
  readonly agreed: ReadonlyArray<Int32Array>
  /** The replay's room: the longest block that can be counted. */
  readonly longest: number
  /** As in `BlockRules`. */
  readonly blind?: number
}

/** Evidence by place in a block, of a proposer that reads the target's states: input of `expectedCountsByPlace`. */
export interface PlacesEvidence extends CommonEvidence {
  readonly kind: "places"
  /** [T, longest] of each text: the chance that token t + i of a block that begins at t is accepted; NaN without one. */
  readonly chance: ReadonlyArray<Float64Array>
  readonly longest: number
  readonly blind: number
}

export type Evidence = PassEvidence | ReplayEvidence | PlacesEvidence

/** The rollouts, cut where the draft's context ends. */
const readableRollouts = (rollouts: ReadonlyArray<Rollout>, { architecture }: Decoder): ReadonlyArray<Rollout> =>
  rollouts.map((rollout) => {
    const length = readableLength(rollout.prompt.length, architecture.maxLength)
    return length >= rollout.tokens.length ? rollout : { ...rollout, tokens: rollout.tokens.subarray(0, length) }
  })

const lengths = (rollouts: ReadonlyArray<Rollout>) => rollouts.map(({ tokens }) => tokens.length)

/**
 * Tests at every position of the target's greedy rollouts if the draft's argmax is the target's token.
 *
 * The target does not run, as its greedy choice is the text itself. A generator for `driven`: the pass may take
 * minutes.
 */
export function* greedyPass(
  draft: Decoder,
  rollouts: ReadonlyArray<Rollout>,
  options: PassOptions = {},
): Pieces<PassEvidence> {
  const chance = perPosition(rollouts)
  const read = readableRollouts(rollouts, draft)
  const { headIds } = draft
  yield* teacherForced([draft], read, checkedOptions("greedyEvidence", passOptions, options), (rows) => {
    const argmax_R = argmaxRows(rows.logits_RV[0]!)
    for (const [r, u] of argmax_R.entries())
      chance[rows.rollout_R[r]!]![rows.position_R[r]!] = (headIds?.id_U[u] ?? u) === rows.token_R[r] ? 1 : 0
  })
  return {
    kind: "pass",
    ...{ sampling: { temperature: 0 }, rollouts, readable: lengths(read), chance, overlap: null, kl: null },
  }
}

/**
 * Overlap, ratio and KL of each row, on the device: plain temperature, single precision.
 *
 * With ids of the draft's head, sums run over these ids: elsewhere q is 0, so the overlap and the ratio are too.
 */
const onDevice = ({ logits_RV: [p, q], token_R }: ForcedRows, temperature: number, headIds: HeadIds | undefined) => {
  const logOf_RV = tf.logSoftmax(tf.div(p!, temperature)) as tf.Tensor2D
  const logP_RV = headIds === undefined ? logOf_RV : tf.gather(logOf_RV, tf.tensor1d(headIds.id_U, "int32"), 1)
  const logQ_RV = tf.logSoftmax(tf.div(q!, temperature)) as tf.Tensor2D
  const overlap_R = tf.sum(tf.exp(tf.minimum(logP_RV, logQ_RV)), 1)
  const column_R = headIds === undefined ? token_R : token_R.map((id) => Math.max(0, headIds.row_V[id]!))
  const at_R2 = tf.stack([tf.range(0, token_R.length, 1, "int32"), tf.tensor1d(column_R, "int32")], 1)
  const ratio_R = tf.exp(tf.minimum(0, tf.sub(tf.gatherND(logQ_RV, at_R2), tf.gatherND(logP_RV, at_R2))))
  const compared_RV = headIds === undefined ? logP_RV : (tf.logSoftmax(logP_RV) as tf.Tensor2D)
  // Where p is 0 the difference of logarithms may be infinite, and 0 times infinity is NaN: here 0 log 0 is 0.
  const p_RV = tf.exp(compared_RV)
  const kl_R = tf.sum(tf.where(tf.greater(p_RV, 0), tf.mul(p_RV, tf.sub(compared_RV, logQ_RV)), tf.zerosLike(p_RV)), 1)
  const ratios = ratio_R.dataSync()
  if (headIds !== undefined) for (const [r, id] of token_R.entries()) if (headIds.row_V[id]! < 0) ratios[r] = 0
  return { overlap_R: overlap_R.dataSync(), ratio_R: ratios, kl_R: kl_R.dataSync() }
}

/**
 * Overlap, ratio and KL on the host, from the distributions that decoding uses: any top-k and top-p, double precision.
 */
const onHost = ({ logits_RV: [p, q], token_R }: ForcedRows, sampling: Sampling, headIds: HeadIds | undefined) => {
  const [V, U] = [p!.shape[1], q!.shape[1]]
  const [pLogits, qLogits] = [p!.dataSync() as Float32Array, q!.dataSync() as Float32Array]
  const overlap_R = new Float64Array(token_R.length)
  const ratio_R = new Float64Array(token_R.length)
  const kl_R = new Float64Array(token_R.length)
  for (const [r, token] of token_R.entries()) {
    const [pRow_V, qRow_U] = [row(pLogits, r, V), row(qLogits, r, U)]
    const p_V = adjusted(pRow_V, sampling)
    const q_U = adjusted(qRow_U, sampling)
    const pRow_U = headIds === undefined ? pRow_V : Float32Array.from(headIds.id_U, (id) => pRow_V[id]!)
    kl_R[r] = klDivergence(logSoftmax(pRow_U, sampling.temperature), logSoftmax(qRow_U, sampling.temperature))
    for (let u = 0; u < U; u++) overlap_R[r]! += Math.min(p_V[headIds?.id_U[u] ?? u]!, q_U[u]!)
    const q = q_U[headIds?.row_V[token] ?? token] ?? 0
    // Where rounding puts a token of the text outside p's top set, q decides alone: 1 if q has the token, as q / p
    // would be.
    ratio_R[r] = q === 0 ? 0 : Math.min(1, q / p_V[token]!)
  }
  return { overlap_R, ratio_R, kl_R }
}

/** @error DataError names the first logit of either model that is not finite, and its position */
const requireFinite = ({ logits_RV, rollout_R, position_R }: ForcedRows, rollouts: ReadonlyArray<Rollout>): void => {
  for (const [m, name] of ["target", "draft"].entries()) {
    const logits = logits_RV[m]!
    const at = logits.dataSync().findIndex((x) => !Number.isFinite(x))
    if (at < 0) continue
    const r = Math.floor(at / logits.shape[1])
    const { prompt } = rollouts[rollout_R[r]!]!
    throw new DataError({
      message:
        `the ${name}: a logit after ${prompt.length + position_R[r]!} tokens of text ${rollout_R[r]} is ${logits.dataSync()[at]}, ` +
        "expected a finite number; the weights are finite but too large for float32 somewhere: is the file damaged, or did the training diverge?",
    })
  }
}

/**
 * Overlap and KL of target and draft, and the acceptance ratio min(1, q / p) of the text's token, at every position of
 * rollouts that the target sampled with the same options. A generator for `driven`.
 *
 * @error InvalidInput at temperature 0 (use `greedyEvidence`); Error if the vocabularies differ; DataError for a logit
 * that is not finite
 */
export function* sampledPass(
  target: Decoder,
  draft: Decoder,
  rollouts: ReadonlyArray<Rollout>,
  sampling: typeof samplingOptions.inferIn & { readonly temperature: number },
  options: PassOptions = {},
): Pieces<PassEvidence> {
  requireSameVocabulary(target, draft.architecture)
  requireAllIds(target)
  const adjustments = checkedOptions(
    "sampledEvidence",
    samplingOptions.narrow((s, ctx) => s.temperature > 0 || ctx.mustBe("at a temperature above 0")),
    sampling,
  )
  const read = readableRollouts(rollouts, draft)
  const chance = perPosition(rollouts)
  const overlap = perPosition(read)
  const kl = perPosition(read)
  const plain = adjustments.topK === undefined && (adjustments.topP === undefined || adjustments.topP === 1)
  yield* teacherForced([target, draft], read, checkedOptions("sampledEvidence", passOptions, options), (rows) => {
    const { overlap_R, ratio_R, kl_R } = plain
      ? onDevice(rows, adjustments.temperature, draft.headIds)
      : onHost(rows, adjustments, draft.headIds)
    if (overlap_R.some(Number.isNaN) || kl_R.some(Number.isNaN)) requireFinite(rows, read)
    for (let r = 0; r < rows.token_R.length; r++) {
      const [i, t] = [rows.rollout_R[r]!, rows.position_R[r]!]
      chance[i]![t] = ratio_R[r]!
      overlap[i]![t] = overlap_R[r]!
      kl[i]![t] = kl_R[r]!
    }
  })
  return { kind: "pass", sampling: adjustments, rollouts, readable: lengths(read), chance, overlap, kl }
}

/** Runs `greedyPass` at once. */
export const greedyEvidence = (...of: Parameters<typeof greedyPass>): PassEvidence => atOnce(greedyPass(...of))

/** Runs `sampledPass` at once. */
export const sampledEvidence = (...of: Parameters<typeof sampledPass>): PassEvidence => atOnce(sampledPass(...of))

/** @error Error if the vocabularies differ in size: acceptance is not defined then */
export const requireSameVocabulary = (
  target: Decoder,
  { vocabularySize: U }: Pick<Proposer, "vocabularySize">,
): void => {
  const V = target.architecture.vocabularySize
  if (U !== undefined && V !== U)
    throw new Error(`target has a vocabulary of ${V}, draft of ${U}: both need the same tokenizer and embedding size`)
}

/** @error Error for a target that predicts some of its ids only: the text could not have the others */
export const requireAllIds = ({ architecture: { headRows, vocabularySize } }: Decoder): void => {
  if (headRows !== undefined)
    throw new Error(`the target predicts ${headRows} of its ${vocabularySize} ids: a draft may, a target predicts all`)
}
