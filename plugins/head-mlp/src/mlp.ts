/**
 * A multi-layer perceptron on a frozen target's hidden states that reads off a variable of each token.
 *
 * Letters: M rows, D hidden size of the target, C classes, W width, E size of the encoded previous value.
 * @source "Lightweight decoders" on a frozen weather model, arXiv 2506.19088: one perceptron a variable on the last
 * latents. The input of the previous value is that of a later study's MLP_{z, theta}.
 */
import {
  classesOf,
  defineHead,
  type HeadParameter,
  InvalidInput,
  tokenLosses,
  type VariableUse,
  variableUse,
} from "@winnow/core"
import { linear, tf } from "@winnow/tensor"
import { type } from "arktype"
import { Effect, Result } from "effect"
import { valuesOfRows } from "./values.ts"

const options = type({
  "+": "reject",
  variable: variableUse,
  // The states to read: the last layer's after the final norm, or those of a layer below it; 0 is the embedding.
  layer: type("'last' | number.integer >= 0").default("last"),
  // Hidden layers, 0 for a linear probe; two of this width are half a percent of a target of 100M parameters.
  layers: "0 <= number.integer <= 8 = 2",
  width: "1 <= number.integer <= 65536 = 128",
  // Bins of a variable that is a number.
  bins: "2 <= number.integer <= 1024 = 32",
  // True: the variable's value at the token before is an input too.
  previous: "boolean = false",
})

/** Size of the encoded previous value: a row of a table for each class. */
const encoded = 16

const instanceOf = (variable: VariableUse) => {
  const found = Effect.runSync(Effect.result(variable.instance))
  if (Result.isFailure(found)) throw found.failure
  return found.success
}

/** Rows of states by their flat indices. */
const rowsOf = (states_BTD: tf.Tensor3D, row_M: Int32Array): tf.Tensor2D =>
  tf.gather(tf.reshape(states_BTD, [-1, states_BTD.shape[2]]), tf.tensor1d(row_M, "int32")) as tf.Tensor2D

/** States divided by their root mean square: layers differ in size by a factor of ten and more. */
const scaled = (h_MD: tf.Tensor2D): tf.Tensor2D =>
  tf.div(h_MD, tf.sqrt(tf.add(tf.mean(tf.square(h_MD), 1, true), 1e-6)))

/** States between layers lack the column of a target's bias: a 0 stands there. */
const withColumns = (h_Md: tf.Tensor2D, D: number): tf.Tensor2D =>
  h_Md.shape[1] === D
    ? h_Md
    : tf.pad(h_Md, [
        [0, 0],
        [0, D - h_Md.shape[1]],
      ])

/** The head: linear layers with ReLU between them, then one row a class. */
export const mlp = defineHead({
  name: "mlp",
  reads: ["targetHidden", "targetLayers", "targetHead", "pieceOf"],
  predicts: "classes",
  options,
  make: ({ variable, layer, layers, width, bins, previous }, { hiddenSize: D }) => {
    const instance = instanceOf(variable)
    if (previous && instance.looksAhead) {
      const problems = [
        "its value depends on later tokens, so nobody knows the previous one while reading; set previous to false",
      ]
      throw new InvalidInput({ what: `variable ${instance.name}`, problems })
    }
    const C = classesOf(instance.scale, bins)
    const inputs = previous ? D + encoded : D
    const outputs = layers === 0 ? inputs : width
    const parameters = new Map<string, HeadParameter>([
      ...(previous
        ? [["previous.weight", { shape: [C + 1, encoded], init: { kind: "normal", std: 1 } }] as const]
        : []),
      ...Array.from({ length: layers }, (_, l) => {
        const from = l === 0 ? inputs : width
        return [
          [`layer.${l}.weight`, { shape: [width, from], init: { kind: "normal", std: Math.sqrt(2 / from) } }],
          [`layer.${l}.bias`, { shape: [width], init: { kind: "zeros" } }],
        ] as const
      }).flat(),
      // The last column is a bias.
      ["classes.weight", { shape: [C, outputs + 1], init: { kind: "normal", std: 0.5 / Math.sqrt(outputs) } }],
    ])
    return {
      parameters,
      classes: C,
      ...(layer !== "last" && { layers: [layer] }),
      rows: (values, problem, { targetHidden, targetLayers, targetHead, pieceOf }) => {
        const losses = () => tokenLosses(rowsOf(targetHidden, problem.row_N), targetHead as tf.Tensor2D, problem.gold_N)
        const loss_N = instance.readsTarget ? losses() : undefined
        const weight = (name: string) => values.get(name) as unknown as tf.Tensor2D
        const { at_M, gold_M, previous_M, numbers } = valuesOfRows(instance, bins, problem, pieceOf, loss_N)
        const states = layer === "last" ? targetHidden : targetLayers.get(layer)!
        const row_M = at_M.map((n) => problem.row_N[n]!)
        let h = withColumns(scaled(rowsOf(states, row_M)), D)
        if (previous) {
          const before_ME = tf.gather(weight("previous.weight"), tf.tensor1d(previous_M, "int32"))
          h = tf.concat([h, before_ME as tf.Tensor2D], 1)
        }
        for (let l = 0; l < layers; l++)
          h = tf.relu(linear(h, weight(`layer.${l}.weight`), values.get(`layer.${l}.bias`) as unknown as tf.Tensor1D))
        const h_Md = tf.concat([h, tf.ones([at_M.length, 1])], 1) as tf.Tensor2D
        return [{ h_Md, head_Vd: values.get("classes.weight")!, at_M, classes: { gold_M, numbers } }]
      },
    }
  },
})
