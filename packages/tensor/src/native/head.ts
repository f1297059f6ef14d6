/**
 * The fused vocabulary head: statistics of rows, and the gradient of a loss, without logits in memory (`native/head.h`).
 *
 * Letters: N rows, K kept rows, V vocabulary, d and D hidden sizes of draft and target; p target, q draft or reference.
 */
import { ptr } from "bun:ffi"
import { tf } from "../tf.ts"
import { completed } from "./ffi.ts"
import { type FrozenMatrix, placeOf } from "./halves.ts"
import { address, type Native, output, precision } from "./native.ts"

/** Hidden states, and the head that computes logits from them. */
export interface HeadRows {
  readonly h_Nd: tf.Tensor2D
  readonly head_Vd: FrozenMatrix
}

/** The rows of a model whose gradient is computed. */
export interface TrainedRows extends HeadRows {
  readonly head_Vd: tf.Tensor2D
  /** True if the head is not trained: its gradient is not computed. */
  readonly headIsFrozen?: boolean
}

/** The statistics of one model, a number a row; in the order of the C struct. */
const ofModel = ["logSumExp", "nll", "entropy", "top", "argmax"] as const
export type OfModel = (typeof ofModel)[number]

/** The statistics of a model beside the target; from "acceptance" on they take a second pass. */
const ofPair = [
  "kl",
  "reverseKl",
  "hellinger",
  "acceptance",
  "tvd",
  "sign",
  "reward",
  "rewardCount",
  "rewardLog",
  "logSum",
  "jsdForward",
  "jsdReverse",
  "mixed",
  "logAcceptance",
  "below",
] as const
export type OfPair = (typeof ofPair)[number]

export type HeadModel = "target" | "draft" | "reference"
export type HeadPair = "draftPair" | "referencePair"
/** One number for each row, by its name: `draft.entropy`, `referencePair.kl`. */
export type HeadStatistic = `${HeadModel}.${OfModel}` | `${HeadPair}.${OfPair}`

const models: ReadonlyArray<HeadModel> = ["target", "draft", "reference"]
const pairs: ReadonlyArray<HeadPair> = ["draftPair", "referencePair"]

/** Index of the struct's word that points to each output. */
const outputWord = new Map<string, number>()
/** Words before the sides: precision, N, V, temperature, the target's temperature, beta, gold. */
const sideWord = { target: 7, draft: 10, reference: 13 }
let nextWord = 16
for (const model of models) for (const name of ofModel) outputWord.set(`${model}.${name}`, nextWord++)
for (const pair of pairs) for (const name of ofPair) outputWord.set(`${pair}.${name}`, nextWord++)

/** A struct of 64-bit words, in memory that does not move. */
const words = (count: number) => {
  const buffer = new ArrayBuffer(count * 8)
  return { integers: new BigInt64Array(buffer), doubles: new Float64Array(buffer) }
}
/**
 * Words for entries (k, ids, their logits, exclusion from the draft's log-sum-exp), then for draws (samples, uniform,
 * ids, log q, rewards), then for kept logits (place, bytes).
 */
const entryWord = nextWord
const keptWord = entryWord + 9
const statisticsCall = words(keptWord + 2)
const gradientCall = words(29)

/**
 * Most memory for kept logits, bytes. The rest of a step needs more later, for the gradients of the trunk, so that the
 * step's highest memory hardly grows.
 */
const KEPT_BYTES = 64 * 2 ** 20
/** Rows and ids are padded to these at most, in any variant. */
const [KEPT_ROWS, KEPT_IDS] = [32, 64]

const padded = (n: number, to: number) => Math.ceil(n / to) * to

/** Logits of the target from a statistics pass over N rows, for `headGradient`. */
export interface KeptLogits {
  /** Read and disposed only, in its own tidy. */
  readonly memory: tf.Tensor
  readonly N: number
}

const keptMemory = (N: number, V: number) => {
  const whole = padded(N, KEPT_ROWS) * padded(V, KEPT_IDS) * 4
  return output([Math.min(whole, KEPT_BYTES) / 4])
}

/** Buffers of running calls. */
const inUse = new Set<ArrayBuffer>()

/** Float32 or Int32 arrays side by side in one buffer that does not move, with their addresses. */
class Columns {
  readonly #buffer: ArrayBuffer
  readonly #base: bigint
  #used = 0

  constructor(count: number, length: number) {
    this.#buffer = new ArrayBuffer(Math.max(64, count * length * 4))
    this.#base = BigInt(ptr(new Uint8Array(this.#buffer)))
  }

  /** Calls C: the buffer outlives the call, even if only an address refers to it. */
  during(call: () => number): number {
    inUse.add(this.#buffer)
    try {
      return call()
    } finally {
      inUse.delete(this.#buffer)
    }
  }

  next<T extends Float32Array | Int32Array>(
    kind: new (buffer: ArrayBuffer, offset: number, length: number) => T,
    length: number,
  ): readonly [values: T, address: bigint] {
    const at = this.#used
    this.#used += length * 4
    return [new kind(this.#buffer, at, length), this.#base + BigInt(at)]
  }
}

const writeSide = ({ integers }: { integers: BigInt64Array }, at: number, rows: HeadRows) => {
  integers[at] = BigInt(address(rows.h_Nd))
  integers[at + 1] = BigInt(placeOf(rows.head_Vd))
  integers[at + 2] = BigInt(rows.head_Vd.shape[1])
}

const sizesOf = (sides: ReadonlyArray<HeadRows>) => {
  const [N, V] = [sides[0]!.h_Nd.shape[0], sides[0]!.head_Vd.shape[0]]
  for (const { h_Nd, head_Vd } of sides)
    if (h_Nd.shape[0] !== N || head_Vd.shape[0] !== V || h_Nd.shape[1] !== head_Vd.shape[1])
      throw new Error(
        `fused head: hidden states [${h_Nd.shape}] with a head [${head_Vd.shape}] beside [${N}, d] with [${V}, d]; ` +
          "expected as many rows and one vocabulary on every side, and the head's hidden size",
      )
  return { N, V }
}

const checkedIds = (what: string, ids: Int32Array, count: number, V: number) => {
  if (ids.length !== count)
    throw new Error(`fused head: ${ids.length} ${what} tokens, expected ${count}: as many for each row`)
  // By index: an iterator takes several times as long, and there are N k of them.
  for (let i = 0; i < count; i++)
    if (ids[i]! < 0 || ids[i]! >= V)
      throw new Error(`fused head: ${what} token ${ids[i]}, expected an id from 0 to ${V - 1}`)
}

const precisionWord = () => (precision() === "bfloat16" ? 1n : 0n)

export interface HeadQuestion {
  readonly target?: HeadRows | undefined
  readonly draft?: HeadRows | undefined
  readonly reference?: HeadRows | undefined
  /** [N], for `nll`. */
  readonly gold_N?: Int32Array
  /** Logits are divided by it; 1 by default. */
  readonly temperature?: number
  /** The target's logits are divided by it too; 1 by default. */
  readonly targetTemperature?: number
  /** Weight of p in the Jensen-Shannon divergence's middle; 0.5 by default. */
  readonly beta?: number
  /** Chosen tokens of each row whose logits are returned, for the model in the draft's place. */
  readonly entries?: Entries | undefined
  /** Tokens to draw from the draft, `samples` a row by inverse CDF at (uniform + i / samples) mod 1; needs the target too. */
  readonly draws?: { readonly samples: number; readonly uniform_N: Float32Array } | undefined
  /**
   * True to keep logits of a requested target, as many as `KEPT_BYTES` hold, for a gradient at the same temperatures: it
   * multiplies only the others again. The memory belongs to the caller's tidy.
   */
  readonly keep?: boolean
  readonly ask: ReadonlyArray<HeadStatistic>
}

/** The samples, [N, samples] each, a row's in increasing order of its points. */
export interface HeadSamples {
  readonly ids: Int32Array
  readonly logQ: Float32Array
  /** 1 where the target's probability is above the draft's, else 0. */
  readonly reward: Float32Array
}

/** k tokens a row. */
export interface Entries {
  readonly k: number
  /** [N, k], row-major, ids from 0 to V - 1 in any order. */
  readonly ids_Nk: Int32Array
  /**
   * True if only the draft's log-sum-exp is requested, over the other tokens; without other tokens it is below -1e30.
   */
  readonly exclude?: boolean
}

/**
 * Computes the requested statistics of all rows, in one pass over the vocabulary, or two for normalised probabilities.
 *
 * Products are in the current `precision`, sums in float32: within 1e-5 of double precision at float32, and 1e-2 at
 * bfloat16, for logits of size 10.
 *
 * @returns an array [N] for each requested name, argmax as whole numbers; `entries` [N, k] if entries were passed
 * @error Error if sides do not fit, a token is no id, a requested model is missing, or memory does not suffice
 */
export const headStatistics = <S extends HeadStatistic>(
  native: Native,
  question: Omit<HeadQuestion, "ask"> & { readonly ask: ReadonlyArray<S> },
): Record<S, Float32Array> & {
  readonly entries: Float32Array
  readonly drawn: HeadSamples
  readonly kept: KeptLogits | undefined
} => {
  const { gold_N, ask, entries, draws } = question
  const needed = new Set<HeadModel>(entries === undefined ? [] : ["draft"])
  if (draws !== undefined) needed.add("draft").add("target")
  for (const name of ask) {
    const [of, what] = name.split(".") as [HeadModel | HeadPair, string]
    if (of === "draftPair" || of === "referencePair")
      needed.add("target").add(of === "draftPair" ? "draft" : "reference")
    else needed.add(of)
    if (what === "nll" && gold_N === undefined) throw new Error(`fused head: ${name} needs the gold tokens`)
    if (entries?.exclude && of.startsWith("draft") && name !== "draft.logSumExp")
      throw new Error(
        `fused head: ${name} without the entries is not computed, only draft.logSumExp: ask in a call of its own`,
      )
  }
  const present = models.filter((m) => needed.has(m))
  for (const m of present)
    if (question[m] === undefined) throw new Error(`fused head: ${ask.join(", ")} need the ${m}'s rows`)
  const { N, V } = sizesOf(present.map((m) => question[m]!))

  const call = statisticsCall
  call.integers.fill(0n)
  call.integers[0] = precisionWord()
  call.integers[1] = BigInt(N)
  call.integers[2] = BigInt(V)
  call.doubles[3] = question.temperature ?? 1
  call.doubles[4] = question.targetTemperature ?? 1
  call.doubles[5] = question.beta ?? 0.5
  const columns = new Columns(ask.length + 2 + 2 * (entries?.k ?? 0) + 3 * (draws?.samples ?? 0), N)
  if (gold_N !== undefined) {
    checkedIds("gold", gold_N, N, V)
    const [values, at] = columns.next(Int32Array, N)
    values.set(gold_N)
    call.integers[6] = at
  }
  for (const m of present) writeSide(call, sideWord[m], question[m]!)
  const results = {} as Record<string, Float32Array>
  if (entries !== undefined) {
    const { k, ids_Nk } = entries
    checkedIds("entry", ids_Nk, N * k, V)
    const [ids, idsAt] = columns.next(Int32Array, N * k)
    ids.set(ids_Nk)
    const [values, valuesAt] = columns.next(Float32Array, N * k)
    results["entries"] = values
    call.integers[entryWord] = BigInt(k)
    call.integers[entryWord + 1] = idsAt
    call.integers[entryWord + 2] = valuesAt
    call.integers[entryWord + 3] = entries.exclude ? 1n : 0n
  }
  let tokenSamples: HeadSamples | undefined
  if (draws !== undefined) {
    const { samples, uniform_N } = draws
    if (uniform_N.length !== N)
      throw new Error(`fused head: ${uniform_N.length} uniform numbers for ${N} rows; give one for each`)
    const [uniform, uniformAt] = columns.next(Float32Array, N)
    uniform.set(uniform_N)
    const [ids, idsAt] = columns.next(Int32Array, N * samples)
    const [logQ, logAt] = columns.next(Float32Array, N * samples)
    const [reward, rewardAt] = columns.next(Float32Array, N * samples)
    tokenSamples = { ids, logQ, reward }
    call.integers[entryWord + 4] = BigInt(samples)
    for (const [i, at] of [uniformAt, idsAt, logAt, rewardAt].entries()) call.integers[entryWord + 5 + i] = at
  }
  const whole: Array<readonly [string, Int32Array]> = []
  for (const name of ask) {
    const isArgmax = name.endsWith(".argmax")
    const [values, at] = columns.next<Float32Array | Int32Array>(isArgmax ? Int32Array : Float32Array, N)
    call.integers[outputWord.get(name)!] = at
    if (isArgmax) whole.push([name, values as Int32Array])
    else results[name] = values as Float32Array
  }
  const memory = question.keep && needed.has("target") ? keptMemory(N, V) : undefined
  if (memory !== undefined) {
    call.integers[keptWord] = BigInt(memory.address)
    call.integers[keptWord + 1] = BigInt(memory.tensor.size * 4)
  }
  completed(
    "fused head",
    columns.during(() => native.C.winnow_head_statistics(call.integers)),
  )
  for (const [name, values] of whole) results[name] = Float32Array.from(values)
  return {
    ...results,
    ...(tokenSamples && { drawn: tokenSamples }),
    ...(memory && { kept: { memory: memory.tensor, N } }),
  } as ReturnType<typeof headStatistics<S>>
}

/** Forms of a row's gradient by its logits; `native/head.h` has the formulas. */
export const headForms = {
  kl: 1,
  reverseKl: 2,
  jsd: 3,
  tvd: 4,
  reward: 5,
  uniform: 6,
  softmax: 7,
  negLogAcceptance: 8,
  lk: 9,
  skewed: 10,
  reverseSkewed: 11,
} as const
export type HeadForm = keyof typeof headForms

export interface HeadGradientQuestion {
  readonly form: HeadForm
  readonly draft: TrainedRows
  readonly target?: HeadRows | undefined
  /** [K], of logits over the temperatures. */
  readonly lseDraft_K: Float32Array
  readonly lseTarget_K?: Float32Array | undefined
  /** Multiplies the row's gradient. */
  readonly weight_K: Float32Array
  /** Values at chosen tokens: added to the row's gradient, or put in its place; `weight_K` does not multiply them. */
  readonly entries?:
    | {
        readonly k: number
        readonly ids_Kk: Int32Array
        readonly delta_Kk: Float32Array
        readonly replace?: boolean
      }
    | undefined
  readonly c_K?: Float32Array | undefined
  readonly e_K?: Float32Array | undefined
  readonly a?: number | undefined
  readonly temperature?: number | undefined
  /** The target's logits are divided by it too; 1 by default. */
  readonly targetTemperature?: number | undefined
  /** Logits that a statistics pass at these temperatures has kept, and the numbers of these rows in it. */
  readonly kept?: { readonly logits: KeptLogits; readonly row_K: Int32Array } | undefined
}

/**
 * The gradient of sum_k weight_k loss_k by the draft's hidden states and, unless it is frozen, head; 0 without rows.
 * The caller owns both tensors.
 *
 * @error Error if sides do not fit, an entry is no id, or memory does not suffice
 */
export const headGradient = (
  native: Native,
  question: HeadGradientQuestion,
): { readonly gradient_Kd: tf.Tensor2D; readonly headGradient_Vd: tf.Tensor2D | undefined } => {
  const { draft, target, entries } = question
  const { N: K, V } = sizesOf(target === undefined ? [draft] : [draft, target])
  const call = gradientCall
  call.integers.fill(0n)
  call.integers[0] = precisionWord()
  call.integers[1] = BigInt(K)
  call.integers[2] = BigInt(V)
  call.integers[3] = BigInt(headForms[question.form])
  call.doubles[4] = question.temperature ?? 1
  call.doubles[5] = question.targetTemperature ?? 1
  call.doubles[6] = question.a ?? 0
  const columns = new Columns(6 + 2 * (entries?.k ?? 0), K)
  if (entries !== undefined) {
    checkedIds("entry", entries.ids_Kk, K * entries.k, V)
    const [ids, idsAt] = columns.next(Int32Array, K * entries.k)
    ids.set(entries.ids_Kk)
    const [delta, deltaAt] = columns.next(Float32Array, K * entries.k)
    delta.set(entries.delta_Kk)
    call.integers[7] = BigInt(entries.k)
    call.integers[8] = idsAt
    call.integers[9] = deltaAt
    call.integers[10] = entries.replace ? 1n : 0n
  }
  if (target !== undefined) writeSide(call, 11, target)
  writeSide(call, 14, draft)
  for (const [i, side] of [
    question.lseTarget_K,
    question.lseDraft_K,
    question.weight_K,
    question.c_K,
    question.e_K,
  ].entries()) {
    if (side === undefined) continue
    if (side.length !== K)
      throw new Error(`fused head: an array of ${side.length} numbers for ${K} rows; give one for each`)
    const [values, at] = columns.next(Float32Array, K)
    values.set(side)
    call.integers[17 + i] = at
  }
  if (question.kept !== undefined && target !== undefined) {
    const { logits, row_K } = question.kept
    const wrong = row_K.length === K ? row_K.find((n) => n < 0 || n >= logits.N) : undefined
    if (row_K.length !== K || wrong !== undefined)
      throw new Error(
        `fused head: ${wrong === undefined ? `${row_K.length} kept rows` : `kept row ${wrong}`}, expected ${K} of 0 to ${logits.N - 1}`,
      )
    const [rows, rowsAt] = columns.next(Int32Array, K)
    rows.set(row_K)
    call.integers[25] = BigInt(address(logits.memory))
    call.integers[26] = BigInt(logits.memory.size * 4)
    call.integers[27] = BigInt(logits.N)
    call.integers[28] = rowsAt
  }
  return tf.tidy(() => {
    const gradient = output([K, draft.h_Nd.shape[1]])
    const head = draft.headIsFrozen ? undefined : output([V, draft.h_Nd.shape[1]])
    call.integers[22] = BigInt(gradient.address)
    if (head !== undefined) call.integers[23] = BigInt(head.address)
    completed(
      "fused head",
      columns.during(() => native.C.winnow_head_gradient(call.integers)),
    )
    return { gradient_Kd: gradient.tensor as tf.Tensor2D, headGradient_Vd: head?.tensor as tf.Tensor2D | undefined }
  })
}
