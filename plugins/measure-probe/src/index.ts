/** The accuracy of a linear probe on frozen states: the classes of labelled texts by logistic regression. */
import { defineFittedMeasure, labelClasses, labelledTexts, pooledRows, spread, taskUse } from "@winnow/core"
import { type } from "arktype"
import { featuresOf, fitLogistic, predictedClasses } from "./logistic.ts"

/** Penalties that the validation split chooses among, strong ones first: each fit begins with the one before. */
const penalties = [1, 0.1, 0.01, 0.001]

/**
 * The measure `probe`: for each measured text 1 if multinomial logistic regression on the mean of its tokens' states tells
 * its class; 0 to 1, higher is better. The model is frozen.
 *
 * States have mean 0 and variance 1 over the training texts in each dimension. The ridge penalty is the one with the most
 * right answers on the validation split, of equal ones the strongest. Texts are taken at even distances of each split.
 */
export const probe = defineFittedMeasure({
  name: "probe",
  better: "higher",
  unit: "%",
  options: type({
    "+": "reject",
    // Its prompts are the texts, its answers name their classes.
    task: taskUse,
    train: "number.integer >= 2 = 2000",
    validation: "number.integer >= 1 = 300",
    texts: "number.integer >= 2 = 400",
  }),
  make: (options) =>
    function* ({ training, validation, measured, pooled, d }) {
      const classes = labelClasses(training)
      const of = (examples: typeof training, most: number) => labelledTexts(spread(examples, most), classes)
      const [fitted, chosen, asked] = [
        of(training, options.train),
        of(validation, options.validation),
        of(measured, options.texts),
      ]
      const h_nd = yield* pooledRows(pooled, fitted.texts, d)
      const standard = featuresOf(h_nd, fitted.texts.length, d)
      const x_nd = standard(h_nd)
      const choosing = standard(yield* pooledRows(pooled, chosen.texts, d))
      const asking = standard(yield* pooledRows(pooled, asked.texts, d))
      let best = { right: -1, class_n: Int32Array.of() as Int32Array }
      let weights: Float32Array | undefined
      for (const penalty of penalties) {
        weights = yield* fitLogistic({ x_nd, class_n: fitted.class_N, d, C: classes.size, penalty, from: weights })
        const guess = (x: Float32Array) => predictedClasses(x, weights!, d, classes.size)
        const right = guess(choosing).reduce((sum, c, n) => sum + (c === chosen.class_N[n] ? 1 : 0), 0)
        if (right > best.right) best = { right, class_n: guess(asking) }
        yield
      }
      return Array.from(best.class_n, (c, n) => [c === asked.class_N[n] ? 1 : 0, 1] as const)
    },
})
