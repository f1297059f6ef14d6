/**
 * The quality of decoding in each precision on a trained pair: logits on the texts of the float32 target beside those of
 * float32, and the draft's acceptance by the target of each precision.
 *
 * Letters: T tokens of a text, V vocabulary.
 */
import type { Decoder } from "@winnow/core"
import { modelProposer, speculate } from "@winnow/decoding"
import { generate } from "@winnow/generation"
import type { DecodingPrecision } from "@winnow/models"
import { median } from "@winnow/numerics"

export const targetPrecisions = ["float32", "bfloat16", "q8"] as const

/** Logits of one precision beside float32's, over all positions of the texts after their prompts. */
export interface LogitError {
  readonly precision: DecodingPrecision
  readonly positions: number
  /** Root of the mean square of the difference, over that of the float32 logits around their row's mean. */
  readonly error: number
  /** Share of positions with the same most probable token. */
  readonly agreement: number
  /** Median of KL(float32 || precision), nats, and its mean. */
  readonly medianKl: number
  readonly meanKl: number
}

/** Greedy decoding of one pair of precisions. */
export interface PairAcceptance {
  /** Target with draft: "q8 with bfloat16". */
  readonly name: string
  readonly target: DecodingPrecision
  readonly draft: DecodingPrecision
  readonly accepted: number
  readonly tested: number
  readonly acceptance: number
  /** Texts that equal those of the same target alone. */
  readonly lossless: number
  /** Texts that equal those of the float32 target. */
  readonly asFloat32: number
}

export interface PrecisionResult {
  readonly prompts: number
  readonly tokens: number
  readonly gamma: number
  readonly logits: ReadonlyArray<LogitError>
  readonly pairs: ReadonlyArray<PairAcceptance>
}

type Ids = ReadonlyArray<number>

/** The logits that predict the tokens after a prompt, row by row. */
const logitsOf = (model: Decoder, prompt: Ids, text: Ids): ReadonlyArray<Float32Array> => {
  const decoding = model.decoding()
  const ids = Int32Array.from([...prompt, ...text.slice(0, -1)])
  const logits = decoding.quick!.logits(ids, 1, text.length)
  const rows = Array.from(text, (_, t) => Float32Array.from(logits.row(t)))
  decoding.dispose()
  return rows
}

const argmax = (row: Float32Array): number => row.reduce((best, x, v) => (x > row[best]! ? v : best), 0)

const logProbabilities = (row: Float32Array): Float64Array => {
  const most = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  const log = Math.log(row.reduce((sum, x) => sum + Math.exp(x - most), 0)) + most
  return Float64Array.from(row, (x) => x - log)
}

/** KL(p || q) of two rows of logits, nats. */
const klOf = (p_V: Float32Array, q_V: Float32Array): number => {
  const [p, q] = [logProbabilities(p_V), logProbabilities(q_V)]
  return p.reduce((sum, log, v) => sum + Math.exp(log) * (log - q[v]!), 0)
}

/** The error of rows of logits beside those of float32. */
export const logitError = (
  precision: DecodingPrecision,
  rows: ReadonlyArray<Float32Array>,
  exact: ReadonlyArray<Float32Array>,
): LogitError => {
  let [miss, size, same] = [0, 0, 0]
  const kls: Array<number> = []
  for (const [i, row] of rows.entries()) {
    const true_V = exact[i]!
    const mean = true_V.reduce((a, b) => a + b, 0) / true_V.length
    for (const [v, x] of true_V.entries()) {
      miss += (row[v]! - x) ** 2
      size += (x - mean) ** 2
    }
    if (argmax(row) === argmax(true_V)) same++
    kls.push(klOf(true_V, row))
  }
  return {
    precision,
    positions: rows.length,
    error: Math.sqrt(miss / size),
    agreement: same / rows.length,
    medianKl: median(kls),
    meanKl: kls.reduce((a, b) => a + b, 0) / kls.length,
  }
}

/** Opens a model of the pair in a precision; the caller disposes it. */
export type OpenModel = (which: "target" | "draft", precision: DecodingPrecision) => Promise<Decoder>

/** Runs the comparison. */
export const runPrecision = async (
  open: OpenModel,
  prompts: ReadonlyArray<Ids>,
  { gamma, maxNew, eosId }: { readonly gamma: number; readonly maxNew: number; readonly eosId?: number | undefined },
): Promise<PrecisionResult> => {
  const ended = { maxNew, ...(eosId !== undefined && { eosId }) }
  const textsOf = async (model: Decoder) =>
    (await generate(model, prompts, ended)).rollouts.map(({ tokens }) => [...tokens])
  const texts = new Map<DecodingPrecision, ReadonlyArray<Ids>>()
  const exact: Array<Float32Array> = []
  const logits: Array<LogitError> = []
  const pairs: Array<PairAcceptance> = []
  for (const precision of targetPrecisions) {
    const target = await open("target", precision)
    texts.set(precision, await textsOf(target))
    const rows = prompts.flatMap((prompt, i) => logitsOf(target, prompt, texts.get("float32")![i]!))
    if (precision === "float32") exact.push(...rows)
    else logits.push(logitError(precision, rows, exact))
    for (const of of targetPrecisions) {
      const draft = await open("draft", of)
      const done = await speculate(target, modelProposer(draft), prompts, { draftLength: gamma, ...ended })
      draft.dispose()
      const sum = (count: (one: (typeof done)[number]) => number) => done.reduce((n, one) => n + count(one), 0)
      const [accepted, rejected] = [sum(({ counts }) => counts.accepted), sum(({ counts }) => counts.rejected)]
      const equal = (to: ReadonlyArray<Ids>) => done.filter(({ rollout }, i) => rollout.tokens.join() === to[i]!.join())
      pairs.push({
        ...{ name: `${precision} with ${of}`, target: precision, draft: of, accepted, tested: accepted + rejected },
        acceptance: accepted / (accepted + rejected),
        lossless: equal(texts.get(precision)!).length,
        asFloat32: equal(texts.get("float32")!).length,
      })
    }
    target.dispose()
  }
  return { prompts: prompts.length, tokens: exact.length, gamma, logits, pairs }
}
