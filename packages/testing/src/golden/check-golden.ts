/** Random configurations of a family have the numbers that `transformers` has for them. */
import {
  type Architecture,
  type Attends,
  type Encoder,
  type Family,
  InvalidInput,
  isDecoder,
  rowLogits,
  vocabularyHead,
} from "@winnow/core"
import { hasHeadBias } from "@winnow/models"
import { AdamW, tf, withoutNative } from "@winnow/tensor"
import { type Law, lawsOf } from "../law.ts"
import { type GoldenCase, type GoldenFile, readGolden } from "./golden-file.ts"
import { hashedModel, mixed, near, storedValues, tensorDigits } from "./golden-model.ts"
import { greedyTexts, passesOf } from "./golden-passes.ts"

/** Of logits and hidden states, and of parameters after a step. */
const TOLERANCE = 1e-4
const STEP_TOLERANCE = 1e-5

/** The configurations of a golden file that were computed, and those that were refused by name. */
export interface GoldenCounts {
  readonly computed: number
  readonly refused: number
}

/** The parts of the check whose numbers are compared: logits and hidden states of whole sequences, and over a cache; a step. */
export type GoldenPart = "whole" | "cached" | "step"

/**
 * Checks a family against `transformers`: names and shapes of tensors; logits, hidden states and greedy texts within 1e-4,
 * alone, in batches, padded left and right, packed, with and without cache, natively and by TensorFlow's ops; loss and
 * parameters after one step of AdamW within 1e-5; configurations that are not computed are refused with their key.
 *
 * @param file written by packages/models/fixtures/random/make.py
 * @param report is told each distance from a number of transformers
 * @returns how many there were of each
 * @error LawBroken names the law and the configuration
 */
export const checkGolden = (
  family: Family,
  file: string,
  report: (part: GoldenPart, distance: number) => void = () => {},
): GoldenCounts => {
  const golden = readGolden(file)
  const before = tf.memory().numTensors
  for (const [i, of] of golden.cases.entries()) {
    const law = lawsOf(`family ${family.plugin}, configuration ${i} ${JSON.stringify(of.config)}`)
    const architecture = family.fromConfig(of.config, "config.json")
    law("tensors", tensorDigits(architecture) === of.tensors, () => {
      const names = [...architecture.parameters.keys()].join(", ")
      return `names or shapes are not those that transformers saves: ${names}`
    })
    checkNumbers(law, architecture, of, golden, report)
    for (const natively of [true, false])
      checkStep(law, architecture, of, golden, natively, (distance) => report("step", distance))
  }
  for (const { config, key } of golden.refused) checkRefused(family, config, key)
  const left = tf.memory().numTensors - before
  lawsOf(`family ${family.plugin}`)("no leak", left === 0, () => `${left} tensors are left`)
  return { computed: golden.cases.length, refused: golden.refused.length }
}

const checkNumbers = (
  law: Law,
  architecture: Architecture<Attends>,
  of: GoldenCase,
  golden: GoldenFile,
  report: (part: GoldenPart, distance: number) => void,
): void => {
  const model: Encoder = hashedModel(architecture)
  const { hiddenSize: d, vocabularySize: V } = architecture
  // without the column for the head's bias, which transformers does not have
  const computed = hasHeadBias(architecture) ? d - 1 : d
  const head_Vd = model.head_Vd.dataSync()
  for (const [way, pass] of passesOf(model, of.rows)) {
    const rows = pass()
    const h = Float32Array.from(rows.flatMap((row) => [...row]))
    const tokens = h.length / d
    const logits = new Float64Array(tokens * V)
    for (let n = 0; n < tokens; n++)
      for (let v = 0; v < V; v++) for (let i = 0; i < d; i++) logits[n * V + v]! += h[n * d + i]! * head_Vd[v * d + i]!
    const { logitCap: cap } = model.architecture
    if (cap !== undefined) for (const [i, x] of logits.entries()) logits[i] = cap * Math.tanh(x / cap)
    const sums = Array.from({ length: tokens }, (_, n) => {
      const row = h.subarray(n * d, n * d + computed)
      return [row.reduce((a, b) => a + b, 0), mixed(row)]
    }).flat()
    // one decoded: the first sequence
    const part = way.includes("decoded") ? "cached" : "whole"
    const check = (name: string, actual: ArrayLike<number>, expected: ReadonlyArray<number>) =>
      report(
        part,
        near(law, name, actual, expected.slice(0, actual.length), TOLERANCE, () => way),
      )
    check("logits", logits, of.logits)
    check("hidden states", sums, of.sums.flat())
  }
  law("texts", isDecoder(model) === !golden.encoder, () => "it must decode if transformers' class does")
  if (isDecoder(model))
    for (const natively of [true, false]) {
      const prompts = of.texts.map((text) => text.slice(0, golden.prompt))
      const texts = greedyTexts(model, prompts, of.texts[0]!.length, natively)
      const how = natively ? "native" : "plain"
      law("texts", `${texts}` === `${of.texts}`, () => `${how}: ${texts.join(" | ")}, expected ${of.texts.join(" | ")}`)
    }
  model.dispose()
}

/** Mean of -log softmax at the next token, or of an encoder at masked positions. */
const lossOf = (model: Encoder, { rows }: GoldenCase, { encoder, masked }: GoldenFile): tf.Scalar => {
  const { hiddenSize: d, vocabularySize: V } = model.architecture
  const losses = rows.map((row) => {
    const at = encoder ? masked.filter((t) => t < row.length) : row.slice(1).map((_, t) => t)
    const golds = at.map((t) => row[encoder ? t : t + 1]!)
    const ids = row.map((id, t) => (encoder && masked.includes(t) ? V - 1 : id))
    const h_Td = tf.reshape(model.hidden(tf.tensor2d([ids], undefined, "int32")), [row.length, d])
    const h_Nd = tf.gather(h_Td, tf.tensor1d(at, "int32")) as tf.Tensor2D
    const logP_NV = tf.logSoftmax(rowLogits(h_Nd, vocabularyHead(model)))
    return tf.neg(tf.sum(tf.mul(logP_NV, tf.oneHot(tf.tensor1d(golds, "int32"), V)), 1)) as tf.Tensor1D
  })
  return tf.mean(tf.concat(losses))
}

const checkStep = (
  law: Law,
  architecture: Architecture<Attends>,
  of: GoldenCase,
  golden: GoldenFile,
  natively: boolean,
  report: (distance: number) => void,
): void => {
  const how = natively ? "native" : "plain"
  const model: Encoder = hashedModel(architecture)
  const step = () => {
    const { learningRate, ...options } = golden.step
    const optimizer = new AdamW(model.parameters, options)
    const { value, grads } = tf.variableGrads(() => lossOf(model, of, golden), [...model.parameters.values()])
    const byName = [...model.parameters].map(([name, variable]) => [name, grads[variable.name]!] as const)
    optimizer.apply(Object.fromEntries(byName), learningRate)
    report(near(law, "loss", value.dataSync(), [of.loss], STEP_TOLERANCE, () => how))
    tf.dispose([value, ...Object.values(grads)])
    optimizer.dispose()
  }
  if (natively) step()
  else withoutNative(step)
  for (const [name, values] of storedValues(model)) {
    const actual = [values[0]!, values[Math.floor(values.length / 2)]!, values.at(-1)!]
    const [expected, sum] = [of.after[name]!.slice(0, 3), of.after[name]![3]!]
    report(near(law, "AdamW", actual, expected, STEP_TOLERANCE, () => `${how}, ${name} after one step`))
    near(law, "AdamW", [mixed(values)], [sum], 1e-4, () => `${how}, weighted sum of ${name} after one step`)
  }
  model.dispose()
}

const checkRefused = (family: Family, config: Readonly<Record<string, unknown>>, key: string): void => {
  const law = lawsOf(`family ${family.plugin}`)
  let refused: unknown
  try {
    family.fromConfig(config, "config.json")
  } catch (error) {
    refused = error
  }
  const named = refused instanceof InvalidInput && refused.message.includes(key)
  law("refused", named, () => `${key} ${JSON.stringify(config[key])} must be refused by name, found ${refused}`)
}
