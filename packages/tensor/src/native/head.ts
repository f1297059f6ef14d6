/**
 * The fused vocabulary head: statistics of rows, without logits in memory (`native/head.h`).
 *
 * Letters: N rows, V vocabulary; p target, q draft or reference.
 */
import { completed } from "./ffi.ts"
import {
  Columns,
  checkedIds,
  type HeadRows,
  type KeptLogits,
  precisionWord,
  sizesOf,
  words,
  writeSide,
} from "./head-call.ts"
import { type Native, output } from "./native.ts"

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
const sideWord = { target: 7, draft: 11, reference: 15 }
let nextWord = 19
for (const model of models) for (const name of ofModel) outputWord.set(`${model}.${name}`, nextWord++)
for (const pair of pairs) for (const name of ofPair) outputWord.set(`${pair}.${name}`, nextWord++)

/**
 * Words for entries (k, ids, their logits, exclusion from the draft's log-sum-exp), then for draws (samples, uniform,
 * ids, log q, rewards), then for kept logits (place, bytes).
 */
const entryWord = nextWord
const keptWord = entryWord + 9
const statisticsCall = words(keptWord + 2)

/**
 * Most memory for kept logits, bytes. The rest of a step needs more later, for the gradients of the trunk, so that the
 * step's highest memory hardly grows.
 */
const KEPT_BYTES = 64 * 2 ** 20
/** Rows and ids are padded to these at most, in any variant. */
const [KEPT_ROWS, KEPT_IDS] = [32, 64]

const padded = (n: number, to: number) => Math.ceil(n / to) * to

const keptMemory = (N: number, V: number) => {
  const whole = padded(N, KEPT_ROWS) * padded(V, KEPT_IDS) * 4
  return output([Math.min(whole, KEPT_BYTES) / 4])
}

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
