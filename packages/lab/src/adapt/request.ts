/** The request of an adaptation, and the experiment that it is. */
import { type ExamplesUse, everyToken, type HeadUse, type LossUse, type TaskUse } from "@winnow/core"
import type { PrivateForm } from "@winnow/models"
import { arm, type Experiment } from "../experiment/define.ts"
import { tokenizerFile } from "../experiment/spec.ts"
import { folder, head as headOf } from "../experiment/start.ts"
import { written } from "../experiment/text.ts"
import { privatePart } from "../experiment/training-spec.ts"
import { prompts } from "./prompts-task.ts"

/** The request of an adaptation. */
export interface AdaptRequest {
  /** Folders of the draft that is shared and of the new target. */
  readonly draft: string
  readonly target: string
  /** The head that the draft's folder has, with its options, where it has no model. */
  readonly head?: HeadUse | undefined
  /** A file of prompts, one JSON object a line. */
  readonly prompts: string
  /** The folder that gets `shared` and the private part; it may have those of other targets. */
  readonly to: string
  /** Of the private part: its folder in `to`. */
  readonly name: string
  readonly form: PrivateForm
  readonly steps: number
  readonly batchSize: number
  /** Batches whose gradients are added in a step, which as many processes can share; 1 if left out. */
  readonly microBatches?: number | undefined
  readonly learningRate: number
  /** The divergence from the target. */
  readonly loss: LossUse<unknown>
  /** Chooses examples, from the task of a file of general text; all of them if left out. */
  readonly examples?: ExamplesUse | undefined
  /** Temperature of the target's text; 0 is greedy. */
  readonly temperature: number
  readonly maxNew: number
  /** Tokens of a prompt and its text. */
  readonly maxLength: number
  readonly seed: number
  /** The token that ends a text, where the target's folder does not name it. */
  readonly eos?: string | undefined
  /** Files of the plugins that it names, and of families: other processes load them. */
  readonly plugins?: ReadonlyArray<string> | undefined
}

/** The experiment of one arm whose stages are those of an adaptation. */
export const experimentOf = (request: AdaptRequest): Experiment => {
  const { draft, target, name, form, steps, batchSize, learningRate, loss, examples, temperature, maxNew, seed } =
    request
  return {
    name: `adapt ${name}`,
    question: "What does the draft propose for this target?",
    task: prompts({ file: request.prompts }) as TaskUse,
    tokenizer: tokenizerFile(target, request.eos === undefined ? {} : { eos: request.eos }),
    maxLength: request.maxLength,
    target: folder(target),
    draft: { start: request.head ? headOf(request.head, { path: draft }) : folder(draft) },
    arms: {
      adapted: arm({
        ...{ filter: everyToken(), loss, steps, batchSize, microBatches: request.microBatches ?? 1 },
        optimizer: { learningRate, warmup: Math.round(steps / 10), schedule: "cosine" },
        adapters: privatePart(form),
        text: written({ by: "target", maxNew, ...(temperature > 0 && { temperature, seed }) }),
        ...(examples && { examples }),
      }),
    },
    seeds: [seed],
  }
}
