/**
 * The contract of a loss's result, checked at every call: a scalar in place of [R] would train, but wrongly.
 *
 * Letters: R rows of a chunk, V vocabulary, M numbers a row.
 */
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { later } from "../later.ts"
import type { LossChunk, LossFunctions } from "../loss-functions.ts"
import { temperatureSchedule } from "../schedule-value.ts"
import type { SparseChunk } from "../sparse-target.ts"
import { kindOf } from "./brief.ts"
import { guarded, PluginFault } from "./fault.ts"
import { didYouMean } from "./nearest.ts"
import { placeOf } from "./place.ts"
import { strict } from "./strict.ts"

const nonNegative = "number >= 0"
const fused = later(() =>
  type({ "+": "reject", form: "'cross-entropy' | 'reverse-kl' | 'tvd' | 'neg-log-acceptance'" })
    .or({ "+": "reject", form: "'kl'", temperature: "number > 0", factor: "number > 0" })
    .or({ "+": "reject", form: "'sharpened-kl'", temperature: temperatureSchedule })
    .or({ "+": "reject", form: "'jsd'", beta: "0 < number < 1" })
    .or({ "+": "reject", form: "'skewed-kl'", a: "0 < number < 1", direction: "'forward' | 'reverse'" })
    .or({ "+": "reject", form: "'lk'", eta: nonNegative })
    .or({ "+": "reject", form: "'rewards'", expectation: "'exact'", epsilon: nonNegative })
    .or({
      "+": "reject",
      form: "'rewards'",
      expectation: "'uniform'",
      normalise: "'batch' | 'position'",
      epsilon: nonNegative,
    })
    .or({ "+": "reject", form: "'sampled-rewards'", samples: "number.integer >= 1", epsilon: nonNegative }),
)

/** Names of the fields of chunks. */
export const chunkNames = ["draft", "target", "sparse", "gold_R", "uniform_R", "step", "steps", "batch"]

const fields = ["value", "gradient", "batch", "sparse", "fused"]

/** The fault in a value that should be a float32 tensor of this shape; undefined if it is one. */
const shapeProblem = (value: unknown, shape: ReadonlyArray<number | "M">): string | undefined => {
  const expected = `expected a float32 tensor of shape [${shape.join(", ")}]`
  if (!(value instanceof tf.Tensor)) {
    const kind = kindOf(value)
    return `${kind}; ${expected}${kind === "a Promise" ? ", from a plain function, not an async one" : ""}`
  }
  if (value.isDisposed) return `a tensor that is disposed; ${expected}, which the step disposes itself`
  const fits = value.shape.length === shape.length && shape.every((size, i) => size === "M" || size === value.shape[i])
  if (!fits) return `a tensor of shape [${value.shape.join(", ")}]; ${expected}`
  return value.dtype === "float32" ? undefined : `a tensor of type ${value.dtype}; ${expected}`
}

/**
 * The functions of a loss, with checks of their answers and the loss's name in their exceptions.
 *
 * @param plugin kind and name
 * @param place of the loss's definition
 * @error PluginFault (thrown) for values that are no functions of a loss; each function throws one for an answer of
 * another shape
 */
export const checkedLoss = (
  plugin: string,
  place: string | undefined,
  withTarget: boolean,
  functions: LossFunctions<boolean>,
): LossFunctions<boolean> => {
  const fault = (rule: string, detail: string) => new PluginFault(plugin, rule, detail, place)
  const answer: unknown = functions
  if (typeof answer !== "object" || answer === null || typeof (answer as { value?: unknown }).value !== "function")
    throw fault(
      "definition",
      `make returned ${kindOf(answer)}${kindOf(answer) === "an object" ? " without a function `value`" : ""}; expected { value, gradient?, batch?, sparse?, fused? }`,
    )
  const odd = Object.keys(answer).find((key) => !fields.includes(key))
  if (odd !== undefined)
    throw fault(
      "definition",
      `make returned a field ${odd.slice(0, 64)}${didYouMean(odd, fields) || `; there are ${fields.join(", ")}`}`,
    )
  const form = functions.fused === undefined ? undefined : fused(functions.fused)
  if (form instanceof type.errors)
    throw fault(
      "fused",
      `its fused form is none that the native head knows (${form.summary.slice(0, 200)}); leave it out`,
    )

  const chunk = strict((name) => {
    const detail =
      name === "target" && !withTarget
        ? "reads the target, but has target: false; set target: true"
        : `reads ${name.slice(0, 64)} of its chunk, which does not exist${didYouMean(name, chunkNames)}`
    return new PluginFault(plugin, "needs", detail, placeOf(new Error()))
  })
  const given_ = <C extends LossChunk | SparseChunk>(c: C): C => {
    return "target" in c && c.target === undefined ? (chunk<LossChunk>(c as LossChunk, "target") as C) : chunk(c)
  }
  const returned = (what: string, value: unknown, shape: ReadonlyArray<number | "M">) => {
    const problem = shapeProblem(value, shape)
    if (problem !== undefined) throw fault("shape", `${what} returned ${problem}`)
  }
  const lossOf =
    <C extends LossChunk | SparseChunk>(what: string, run: (c: C) => tf.Tensor1D) =>
    (c: C): tf.Tensor1D => {
      const loss_R = guarded(plugin, what, () => run(given_(c)))
      returned(what, loss_R, [c.gold_R.shape[0]])
      return loss_R
    }
  const gradientOf =
    <C extends LossChunk | SparseChunk>(
      what: string,
      run: (c: C) => { loss_R: tf.Tensor1D; gradient_RV: tf.Tensor2D },
    ) =>
    (c: C) => {
      const both = guarded(plugin, what, () => run(given_(c)))
      if (typeof both !== "object" || both === null || !("loss_R" in both) || !("gradient_RV" in both))
        throw fault("shape", `${what} returned ${kindOf(both)}; expected { loss_R, gradient_RV }`)
      returned(`${what}'s loss_R`, both.loss_R, [c.gold_R.shape[0]])
      returned(`${what}'s gradient_RV`, both.gradient_RV, c.draft.logits_RV.shape)
      return both
    }
  const { value, gradient, batch, sparse } = functions
  return {
    ...functions,
    value: lossOf<LossChunk>("value", value),
    ...(gradient && { gradient: gradientOf<LossChunk>("gradient", gradient) }),
    ...(batch && {
      batch: {
        rows: (c: LossChunk) => {
          const rows_RM = guarded(plugin, "batch.rows", () => batch.rows(given_(c)))
          returned("batch.rows", rows_RM, [c.gold_R.shape[0], "M"])
          return rows_RM
        },
        combine: (sum_M: Float64Array, rows: number) => {
          const numbers = guarded(plugin, "batch.combine", () => batch.combine(sum_M, rows))
          if (!Array.isArray(numbers) || !numbers.every((x) => typeof x === "number"))
            throw fault("batch", `batch.combine returned ${kindOf(numbers)}; expected a list of numbers`)
          return numbers as ReadonlyArray<number>
        },
      },
    }),
    ...(sparse && {
      sparse: {
        value: lossOf<SparseChunk>("sparse.value", sparse.value),
        gradient: gradientOf<SparseChunk>("sparse.gradient", sparse.gradient),
      },
    }),
  }
}
