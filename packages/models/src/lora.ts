/**
 * LoRA: a model whose matrices are W = W0 + (alpha / r) B A. Training changes B and A alone.
 *
 * The sum is written once a step into the parameters of the model: each family, native decoding, copies and saving see
 * ordinary matrices. Gradients follow by the chain rule: dB = s dW A^T, dA = s B^T dW, s = alpha / r. This saves the moments of
 * AdamW and most of a checkpoint; it costs a copy of each W0, and computes dW, which adapters inside the layers would not.
 *
 * Letters: e outputs and d inputs of a matrix, r rank.
 * @source Hu et al. 2021, "LoRA", arXiv 2106.09685; A is drawn as in `peft`: uniform in +-1 / sqrt(d)
 */
import { join } from "node:path"
import { type DataError, type Encoder, InvalidInput, type Parameters } from "@winnow/core"
import { writeWhole } from "@winnow/files"
import { seeded } from "@winnow/numerics"
import { fillTensor, product, tf } from "@winnow/tensor"
import type { Effect } from "effect"
import { attempt, withDataErrors } from "./data-errors.ts"
import { type LoraOptions, type LoraPlace, loraPlaces } from "./lora-places.ts"
import { ownVariable } from "./model.ts"
import { writeSafetensors } from "./safetensors.ts"

/** A model with adapters. Its own tensors are the adapters and the copies of W0; `release` frees them and no other. */
export type LoraModel<M extends Encoder = Encoder> = M & {
  readonly lora: LoraOptions
  readonly release: () => void
}

const names = ({ name }: LoraPlace) => {
  const path = name.replace(/\.weight$/, "")
  return { a: `${path}.lora_A.weight`, b: `${path}.lora_B.weight` }
}

const matrix = (variables: Parameters, name: string): tf.Tensor2D => variables.get(name)! as unknown as tf.Tensor2D

/**
 * The model with fresh adapters: B is 0, so the first sum equals W0. The model stays the owner of its parameters; the
 * adapters write to them.
 *
 * @param seed draws A, by name
 * @error InvalidInput (thrown) for places that the architecture does not have
 */
export const withLora = <M extends Encoder>(model: M, lora: LoraOptions, seed: number): LoraModel<M> => {
  const places = loraPlaces(model.architecture, lora)
  const scale = lora.alpha / lora.rank
  const trained = new Map<string, tf.Variable>()
  const base = new Map<string, tf.Tensor2D>()
  for (const place of places) {
    const { a, b } = names(place)
    const { uniform } = seeded(seed, "lora", a)
    const most = 1 / Math.sqrt(place.d)
    const fill = (values: ArrayLike<number> & { [i: number]: number }) => {
      for (let i = 0; i < values.length; i++) values[i] = most * (2 * uniform() - 1)
    }
    trained.set(
      a,
      ownVariable(() => fillTensor([lora.rank, place.d], "float32", (values) => fill(values as Float32Array))),
    )
    trained.set(
      b,
      ownVariable(() => tf.fill([place.e, lora.rank], 0)),
    )
    // a copy: the parameter's own memory is written to
    base.set(place.name, tf.keep(tf.tidy(() => tf.add(model.parameters.get(place.name)!, 0))) as tf.Tensor2D)
  }
  return {
    ...model,
    lora,
    trained,
    adapters: {
      of: new Map(places.map(({ name }) => [name, model.parameters.get(name)!])),
      pullBack: (byParameter) => {
        const byName: Record<string, tf.Tensor> = {}
        for (const place of places) {
          const { a, b } = names(place)
          const gradient = byParameter[place.name]
          if (gradient === undefined) continue
          const ofBoth = tf.tidy(() => {
            const scaled_ed = tf.mul(gradient, scale) as tf.Tensor2D
            return {
              [a]: product(matrix(trained, b), scaled_ed, true, false),
              [b]: product(scaled_ed, matrix(trained, a), false, true),
            }
          })
          Object.assign(byName, ofBoth)
        }
        return byName
      },
      compose: () => {
        for (const place of places) {
          const { a, b } = names(place)
          tf.tidy(() => {
            const change_ed = tf.mul(product(matrix(trained, b), matrix(trained, a)), scale)
            model.parameters.get(place.name)!.assign(tf.add(base.get(place.name)!, change_ed))
          })
        }
      },
    },
    release: () => tf.dispose([...trained.values(), ...base.values()]),
  }
}

/**
 * Writes the adapters alone, as `peft` reads them: adapter_config.json and adapter_model.safetensors.
 *
 * @error DataError if a file cannot be written
 */
export const saveLora = (
  { architecture, lora, trained }: LoraModel,
  dir: string,
): Effect.Effect<void, DataError | InvalidInput> =>
  attempt(() => {
    const matrixOf = (name: string) => name.replace(/lora_[AB]\.weight$/, "weight")
    const otherwise = [...trained.keys()].map(matrixOf).find((name) => architecture.stored?.get(name)?.reordered)
    if (otherwise !== undefined) {
      const problems = [
        `files hold the rows of ${otherwise} in another order, which adapters cannot say; save the merged model`,
      ]
      throw new InvalidInput({ what: "adapters", problems })
    }
    writeSafetensors(
      join(dir, "adapter_model.safetensors"),
      Array.from(trained, ([name, variable]) => ({
        name: `base_model.model.${name}`,
        shape: variable.shape,
        data: () => variable.dataSync() as Float32Array,
      })),
    )
    const config = {
      peft_type: "LORA",
      task_type: "CAUSAL_LM",
      base_model_name_or_path: null,
      r: lora.rank,
      lora_alpha: lora.alpha,
      lora_dropout: 0,
      bias: "none",
      // as `Conv1D`, whose weights files hold transposed
      fan_in_fan_out: Array.from(trained.keys()).some((name) => architecture.stored?.has(matrixOf(name))),
      inference_mode: true,
      target_modules: [...new Set(Array.from(trained.keys(), (name) => name.replace(/\.lora_[AB]\.weight$/, "")))],
    }
    withDataErrors(() => writeWhole(join(dir, "adapter_config.json"), `${JSON.stringify(config, null, 2)}\n`))
  })
