/** The accuracy of a fine-tuned copy: all parameters and a classifier are trained on labelled texts. */
import { defineFittedMeasure, labelClasses, labelledTexts, spread, taskUse } from "@winnow/core"
import { AdamW, squareSum, tf } from "@winnow/tensor"
import { type } from "arktype"

/** Name of the classifier among the trained parameters. */
const CLASSIFIER = "classifier"

/** Texts in one pass without a gradient. */
const together = 64

/**
 * The measure `fine-tuned`: for each measured text 1 if a copy of the model, trained on the training texts, tells its class;
 * 0 to 1, higher is better.
 *
 * A linear classifier on the mean of a text's states begins at 0, and is trained with all parameters by cross-entropy:
 * AdamW, a warm-up over the first tenth of the steps, then a line to 0, the gradient clipped at norm 1. The last weights
 * count; no step is chosen. Texts are taken at even distances of each split. All models have the same batches.
 */
export const fineTuned = defineFittedMeasure({
  name: "fine-tuned",
  better: "higher",
  unit: "%",
  options: type({
    "+": "reject",
    // Its prompts are the texts, its answers name their classes.
    task: taskUse,
    train: "number.integer >= 2 = 2000",
    texts: "number.integer >= 2 = 400",
    steps: "number.integer >= 1 = 150",
    batchSize: "number.integer >= 1 = 32",
    // A third of the rate that small models are pretrained with here.
    learningRate: "number > 0 = 0.001",
    weightDecay: "number >= 0 = 0.01",
  }),
  make: ({ train, texts, steps, batchSize, learningRate, weightDecay }) =>
    function* ({ training, measured, copy, d, rng }) {
      const classes = labelClasses(training)
      const fitted = labelledTexts(spread(training, train), classes)
      const asked = labelledTexts(spread(measured, texts), classes)
      const [n, C] = [fitted.texts.length, classes.size]
      const { pooled, trained } = copy()
      const w_dC = tf.tidy(() => tf.variable(tf.zeros([d, C])))
      const all = new Map([...trained, [CLASSIFIER, w_dC]])
      const nameOf = new Map([...all].map(([name, variable]) => [variable.name, name]))
      const optimizer = new AdamW(all, { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay })
      const logitsOf = (some: ReadonlyArray<Int32Array>) => tf.matMul(pooled(some), w_dC) as tf.Tensor2D
      try {
        const warmup = Math.max(1, Math.round(steps / 10))
        let order: Array<number> = []
        for (let step = 0; step < steps; step++) {
          const batch: Array<number> = []
          while (batch.length < Math.min(batchSize, n)) {
            if (order.length === 0) order = shuffled(n, rng)
            batch.push(order.pop()!)
          }
          tf.tidy(() => {
            const { grads } = tf.variableGrads(() => {
              const z_BC = logitsOf(batch.map((i) => fitted.texts[i]!))
              const y_BC = tf.oneHot(
                tf.tensor1d(
                  Int32Array.from(batch, (i) => fitted.class_N[i]!),
                  "int32",
                ),
                C,
              )
              const gold_B = tf.sum(tf.mul(z_BC, y_BC), 1)
              return tf.mean(tf.sub(tf.logSumExp(z_BC, 1), gold_B)) as tf.Scalar
            }, [...all.values()])
            const gradients = Object.fromEntries(
              Object.entries(grads).flatMap(([name, g]) => (g == null ? [] : [[nameOf.get(name)!, g]])),
            )
            const norm = Math.sqrt(Object.values(gradients).reduce((sum, g) => sum + squareSum(g), 0))
            const rate = step < warmup ? (step + 1) / warmup : (steps - step) / (steps - warmup + 1)
            optimizer.apply(gradients, learningRate * rate, norm > 1 ? 1 / norm : 1)
          })
          yield
        }
        const right: Array<readonly [number, number]> = []
        for (let from = 0; from < asked.texts.length; from += together) {
          tf.tidy(() => {
            const guess = tf.argMax(logitsOf(asked.texts.slice(from, from + together)), 1).dataSync()
            for (const [b, c] of guess.entries()) right.push([c === asked.class_N[from + b] ? 1 : 0, 1])
          })
          yield
        }
        return right
      } finally {
        optimizer.dispose()
        w_dC.dispose()
      }
    },
})

/** The numbers from 0 to n - 1 in a drawn order. */
const shuffled = (n: number, rng: { readonly below: (n: number) => number }): Array<number> => {
  const order = Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = rng.below(i + 1)
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  return order
}
