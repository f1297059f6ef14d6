/** Starts of one width: families, ages and domains of pretraining, all made by the run itself. */
import type { ModelUse, TaskUse } from "@winnow/core"
import { type ArmStartSpec, fresh, taskText } from "@winnow/lab"
import { gptNeox } from "@winnow/model-gpt-neox"
import { gpt2 } from "@winnow/model-gpt2"
import { llama } from "@winnow/model-llama"
import { qwen3 } from "@winnow/model-qwen3"

/** The shape that all starts have. */
export interface Shape {
  readonly vocabulary: number
  readonly width: number
  readonly layers: number
  readonly heads: number
  readonly length: number
}

/** The families at one width. */
export const families = ({ vocabulary, width, layers, heads, length }: Shape) => {
  const common = {
    vocab_size: vocabulary,
    hidden_size: width,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    max_position_embeddings: length,
  }
  return {
    llama: llama(common),
    neox: gptNeox(common),
    qwen3: qwen3({ ...common, num_key_value_heads: heads, head_dim: width / heads }),
    gpt2: gpt2({ vocab_size: vocabulary, n_embd: width, n_layer: layers, n_head: heads, n_positions: length }),
  } satisfies Record<string, ModelUse>
}
export type Family = keyof ReturnType<typeof families>

/** A start: family, steps of pretraining, and the text of it; `own` is the experiment's own. */
export type Candidate = readonly [family: Family, domain: string, age: number]

/**
 * Starts by name, such as `llama-own-200`.
 *
 * The rate stays constant, so that under one seed a start of 200 steps is a checkpoint on the way to one of 400.
 *
 * @param unit steps of an age of 1
 */
export const startsOf = (
  candidates: ReadonlyArray<Candidate>,
  shape: Shape,
  domains: Readonly<Record<string, TaskUse>>,
  { unit, batchSize }: { readonly unit: number; readonly batchSize: number },
): Readonly<Record<string, ArmStartSpec>> => {
  const models = families(shape)
  return Object.fromEntries(
    candidates.map(([family, domain, age]) => {
      if (age === 0) return [`${family}-untrained`, fresh(models[family])]
      const task = domains[domain]
      const training = {
        steps: age * unit,
        batchSize,
        optimizer: { learningRate: 3e-3, warmup: 20 },
        ...(task && { text: taskText(task) }),
      }
      return [`${family}-${domain}-${age * unit}`, fresh(models[family], training)]
    }),
  )
}
