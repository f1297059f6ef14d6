/** Reads the examples whose states in the target lie furthest from those of a general text: EDA's selection of samples. */
import { defineFilter, taskUse } from "@winnow/core"
import { topFraction } from "@winnow/numerics"
import { type } from "arktype"
import { gaussianOf, scoreOf } from "./states.ts"

/**
 * The filter of examples `mahalanobis`: the fraction k of the examples with the largest score, the quantile rho of the squared
 * Mahalanobis distances of the target's states at the example's valid tokens. Mean and covariance are those of a general
 * text's states, in their principal components.
 *
 * Examples that equal the threshold are all kept, so more than k E may be. It reads no draft.
 * @source EDA, arXiv 2603.09527, section 3.3; rho, the number of components and the ridge are our own, as the paper names none
 */
export const mahalanobis = defineFilter({
  name: "mahalanobis",
  of: "examples",
  needs: [],
  options: type({
    "+": "reject",
    // The task whose training text is general: what the target saw before it was fine-tuned.
    general: taskUse,
    // Fraction of the examples; the paper keeps one half.
    k: "0 < number <= 1 = 0.5",
    // "bottom": the reversed choice, the paper's control.
    order: "'top' | 'bottom' = 'top'",
    // The quantile of an example's distances: nearly its largest, but not one odd token.
    rho: "0 <= number <= 1 = 0.9",
    // Principal components; as many as the hidden size has if that is smaller.
    components: "number.integer >= 1 = 32",
    // Share of the components' mean variance that each variance has on top.
    ridge: "number > 0 = 0.01",
    // Most states of the general text that are read.
    tokens: "number.integer >= 2 = 4096",
  }),
  states: ({ general, rho, components, ridge, tokens }) => ({
    general,
    tokens,
    fit: (h_Gd, G, d) => {
      const gaussian = gaussianOf(h_Gd, G, d, Math.min(components, d), ridge)
      return (h_nd, n) => scoreOf(gaussian, h_nd, n, rho)
    },
  }),
  make:
    ({ k, order }) =>
    ({ score_E }) =>
      topFraction(score_E, k, order),
})
