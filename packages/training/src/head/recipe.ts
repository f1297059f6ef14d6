/**
 * The losses of the native vocabulary head (`FusedLoss`) as questions to it: statistics, and the gradient's form.
 *
 * Letters: N rows, K kept rows, V vocabulary; p target, q draft (or the reference in its place).
 */
import { type FusedLoss, type HeadAnswers, valueAt } from "@winnow/core"
import type { HeadForm, HeadStatistic } from "@winnow/tensor"

/** The model in the draft's place. */
export type Which = "draft" | "reference"

/** The parts of a loss: statistics at its temperature, its values from them, and the gradient's form. */
export interface Recipe {
  readonly temperature: number
  /** A further temperature of the target alone, by steps done and steps of the stage; 1 if left out. */
  readonly targetTemperature?: (step: number, steps: number) => number
  readonly beta?: number
  readonly target: boolean
  readonly ask: (which: Which) => ReadonlyArray<HeadStatistic>
  /** The loss of each row. For a loss with batch statistics the rows of the question are the batch. */
  readonly value: (answers: HeadAnswers, which: Which, V: number) => Float32Array
  readonly gradient: (answers: HeadAnswers, V: number) => Gradient
}

/** A row's gradient is `factor` times the form's. */
interface Gradient {
  readonly form: HeadForm
  readonly factor: number | Float32Array
  readonly a?: number
  /** True if 1 is subtracted at the gold token. */
  readonly gold?: boolean
  readonly c_K?: Float32Array
  readonly e_K?: Float32Array
}

const pairOf = (which: Which) => (which === "draft" ? ("draftPair" as const) : ("referencePair" as const))
/** x times a number; x itself for the number 1. */
export const scaled = (x: Float32Array, by: number) => (by === 1 ? x : x.map((value) => value * by))
const meanOf = (x: Float32Array) => {
  let sum = 0
  for (const value of x) sum += value
  return sum / x.length
}

/** Mean and 1 / (standard deviation + epsilon) of 0/1 rewards over the rows: of their expectations under q, or of their shares. */
export const batchMoments = (mean_N: Float32Array, epsilon: number) => {
  const mu = meanOf(mean_N)
  return { mu, inverse: 1 / (Math.sqrt(Math.max(0, mu * (1 - mu))) + epsilon) }
}

/** Mean and 1 / (standard deviation + epsilon) of `count` ones among V entries, divisor V - 1. */
const rowMoments = (count: number, V: number, epsilon: number) => {
  const mu = count / V
  return { mu, inverse: 1 / (Math.sqrt(Math.max(0, (count - V * mu * mu) / Math.max(1, V - 1))) + epsilon) }
}

/** For uniform TVD++: each row's mean of rewards, and the factor on its advantages. */
const uniformMoments = (
  loss: Extract<FusedLoss, { expectation: "uniform" }>,
  count_N: Float32Array,
  V: number,
): { readonly mu_N: Float32Array; readonly factor_N: Float32Array } => {
  if (loss.normalise === "batch") {
    const { mu, inverse } = batchMoments(scaled(count_N, 1 / V), loss.epsilon)
    return { mu_N: count_N.map(() => mu), factor_N: count_N.map(() => inverse / V) }
  }
  const moments = Array.from(count_N, (count) => rowMoments(count, V, loss.epsilon))
  return {
    mu_N: Float32Array.from(moments, ({ mu }) => mu),
    factor_N: Float32Array.from(moments, ({ inverse }) => inverse / V),
  }
}

/** The recipe of a loss that the native head knows. */
export const lossRecipe = (loss: Exclude<FusedLoss, { form: "sampled-rewards" }>): Recipe => {
  const of = (answers: HeadAnswers, which: Which) => (name: string) =>
    answers[`${pairOf(which)}.${name}` as HeadStatistic]!
  const plain = { temperature: 1, target: true }
  switch (loss.form) {
    case "cross-entropy":
      return {
        temperature: 1,
        target: false,
        ask: (which) => [`${which}.nll`],
        value: (answers, which) => answers[`${which}.nll`]!,
        // q, and -1 at the gold token.
        gradient: () => ({ form: "softmax", factor: 1, gold: true }),
      }
    case "kl":
      return {
        temperature: loss.temperature,
        target: true,
        ask: (which) => [`${pairOf(which)}.kl`],
        value: (answers, which) => scaled(of(answers, which)("kl"), loss.factor),
        gradient: () => ({ form: "kl", factor: loss.factor / loss.temperature }),
      }
    case "sharpened-kl":
      return {
        ...plain,
        targetTemperature: (step, steps) => valueAt(loss.temperature, step, steps),
        ask: (which) => [`${pairOf(which)}.kl`],
        value: (answers, which) => of(answers, which)("kl"),
        gradient: () => ({ form: "kl", factor: 1 }),
      }
    case "reverse-kl":
      return {
        ...plain,
        ask: (which) => [`${pairOf(which)}.reverseKl`],
        value: (answers, which) => of(answers, which)("reverseKl"),
        gradient: (answers) => ({ form: "reverseKl", factor: 1, c_K: of(answers, "draft")("reverseKl") }),
      }
    case "jsd":
      return {
        ...plain,
        beta: loss.beta,
        ask: (which) => [`${pairOf(which)}.jsdForward`, `${pairOf(which)}.jsdReverse`],
        value: (answers, which) => {
          const reverse_N = of(answers, which)("jsdReverse")
          return of(answers, which)("jsdForward").map((f, n) => loss.beta * f + (1 - loss.beta) * reverse_N[n]!)
        },
        gradient: (answers) => ({ form: "jsd", factor: 1, a: loss.beta, c_K: of(answers, "draft")("jsdReverse") }),
      }
    case "tvd":
      return {
        ...plain,
        ask: (which) => [`${pairOf(which)}.tvd`, `${pairOf(which)}.sign`],
        value: (answers, which) => of(answers, which)("tvd"),
        gradient: (answers) => ({ form: "tvd", factor: 1, c_K: of(answers, "draft")("sign") }),
      }
    case "skewed-kl": {
      const { a, direction } = loss
      const forward = direction === "forward"
      // The head's m is beta p + (1 - beta) q.
      return {
        ...plain,
        beta: forward ? a : 1 - a,
        ask: (which) => [`${pairOf(which)}.${forward ? "jsdForward" : "jsdReverse"}`, `${pairOf(which)}.mixed`],
        value: (asked, which) => of(asked, which)(forward ? "jsdForward" : "jsdReverse"),
        gradient: (asked) => {
          const mixed_K = of(asked, "draft")("mixed")
          if (forward) return { form: "skewed", factor: 1, a, c_K: mixed_K }
          // sum a q^2 / m = 1 - (1 - a) sum p q / m
          const reverse_K = of(asked, "draft")("jsdReverse")
          const c_K = reverse_K.map((reverse, k) => reverse - (1 - (1 - a) * mixed_K[k]!))
          return { form: "reverseSkewed", factor: 1, a: 1 - a, c_K }
        },
      }
    }
    case "neg-log-acceptance":
      return {
        ...plain,
        ask: (which) => [`${pairOf(which)}.logAcceptance`, `${pairOf(which)}.below`],
        value: (asked, which) => of(asked, which)("logAcceptance").map((log) => -log),
        gradient: (asked) => ({
          form: "negLogAcceptance",
          factor: 1,
          c_K: of(asked, "draft")("logAcceptance"),
          e_K: of(asked, "draft")("below"),
        }),
      }
    case "lk": {
      const shareOf = (asked: HeadAnswers, which: Which) =>
        of(asked, which)("acceptance").map((acceptance) => Math.exp(-loss.eta * acceptance))
      return {
        ...plain,
        ask: (which) =>
          (["kl", "acceptance", "tvd", "sign"] as const).map((name) => `${pairOf(which)}.${name}` as const),
        value: (asked, which) => {
          const [kl_N, tvd_N] = [of(asked, which)("kl"), of(asked, which)("tvd")]
          return shareOf(asked, which).map((l, n) => l * kl_N[n]! + (1 - l) * tvd_N[n]!)
        },
        gradient: (asked) => ({ form: "lk", factor: 1, c_K: of(asked, "draft")("sign"), e_K: shareOf(asked, "draft") }),
      }
    }
    case "rewards":
      if (loss.expectation === "exact")
        return {
          ...plain,
          ask: (which) => [`${pairOf(which)}.tvd`, `${pairOf(which)}.reward`],
          value: (answers, which) =>
            scaled(of(answers, which)("tvd"), batchMoments(of(answers, which)("reward"), loss.epsilon).inverse),
          gradient: (answers) => {
            const reward_K = of(answers, "draft")("reward")
            return { form: "reward", factor: batchMoments(reward_K, loss.epsilon).inverse, c_K: reward_K }
          },
        }
      return {
        ...plain,
        ask: (which) => {
          const pair = pairOf(which)
          return [`${pair}.rewardCount`, `${pair}.rewardLog`, `${pair}.logSum`]
        },
        value: (answers, which, V) => {
          const { mu_N, factor_N } = uniformMoments(loss, of(answers, which)("rewardCount"), V)
          const logSum_N = of(answers, which)("logSum")
          return of(answers, which)("rewardLog").map((r, n) => -factor_N[n]! * (r - mu_N[n]! * logSum_N[n]!))
        },
        gradient: (answers, V) => {
          const count_K = of(answers, "draft")("rewardCount")
          const { mu_N, factor_N } = uniformMoments(loss, count_K, V)
          const c_K = count_K.map((count, k) => count - V * mu_N[k]!)
          return { form: "uniform", factor: factor_N, c_K, e_K: mu_N }
        },
      }
  }
}
