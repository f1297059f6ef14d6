/**
 * Scores of examples by the target's hidden states, for filters of examples: a pass over a general text, then one over the
 * examples. The stage has no seed, so that all seeds of a run share its artifact. The states of one batch are in memory at
 * a time, and those of the general text while the score is fitted.
 *
 * Letters: E examples, G states of the general text, n states of an example, B sequences, T positions, d hidden size.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  attendsBefore,
  DataError,
  type EncodedExample,
  type Encoder,
  type ExamplesUse,
  InvalidInput,
  type StateScore,
  type TaskUse,
} from "@winnow/core"
import { collate, type EncodedTask } from "@winnow/data"
import { driven, type Pieces } from "@winnow/generation"
import { paddedStarts } from "@winnow/models"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import { forwardFlops } from "../budget.ts"
import { plain } from "../experiment/plain-json.ts"
import { partOf, type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import type { Artifact } from "../store/store.ts"
import type { Distilling } from "./distilling.ts"
import { openModel } from "./models.ts"
import { decodingStep } from "./rollouts.ts"
import { readSplit } from "./text.ts"

/** Examples of a batch. */
const batchSize = 16

/** The states of a batch at its valid rows, row-major, and the sequence of each row. */
const statesOf = (target: Encoder, examples: ReadonlyArray<EncodedExample>) => {
  const batch = collate(examples)
  const { ids_BT, B, T, row_N, length_B, sequence_N } = batch
  const starts = attendsBefore(target.architecture) ? undefined : paddedStarts(length_B, T)
  const h_Nd = tf.tidy(() => {
    const h_BTd = target.hidden(tf.tensor2d(ids_BT, [B, T], "int32"), starts)
    const rows = tf.gather(tf.reshape(h_BTd, [B * T, -1]), tf.tensor1d(row_N, "int32"))
    return rows.dataSync().slice() as never // a tidy returns what holds no tensor as it is
  }) as unknown as Float32Array
  return { h_Nd, sequence_N, tokens: batch.tokens }
}

/** The scores of all examples of a text, and what the general text cost. */
interface StateScores {
  readonly score_E: Float32Array
  /** States of the general text. */
  readonly states: number
  /** Tokens of the general text that the target read. */
  readonly read: number
}

/**
 * Scores every example of a text.
 *
 * @error InvalidInput for a general text of fewer than two states
 */
const scoresOf = (
  { fit, tokens, general: task }: StateScore,
  of: {
    readonly target: Encoder
    readonly text: EncodedTask
    readonly general: EncodedTask
    readonly progress: (done: number, total: number) => void
  },
): Effect.Effect<StateScores, InvalidInput | DataError> =>
  Effect.gen(function* () {
    const { target, text, general, progress } = of
    const d = target.architecture.hiddenSize
    const score_E = new Float32Array(text.examples.length)
    let [states, read] = [0, 0]
    function* passes(): Pieces<void> {
      const parts: Array<Float32Array> = []
      for (let from = 0; from < general.examples.length && states < tokens; from += batchSize) {
        const part = statesOf(target, general.examples.slice(from, from + batchSize))
        const rows = Math.min(part.sequence_N.length, tokens - states)
        parts.push(part.h_Nd.subarray(0, rows * d))
        states += rows
        read += part.tokens
        yield
      }
      if (states < 2) {
        const problems = [`the general text, ${task.name}, has ${states} states of answers; give a text of 2 or more`]
        throw new InvalidInput({ what: "examples", problems })
      }
      const h_Gd = new Float32Array(states * d)
      let at = 0
      for (const part of parts) {
        h_Gd.set(part, at)
        at += part.length
      }
      const score = fit(h_Gd, states, d)
      // Examples by length, so that batches have little padding.
      const order = Array.from(text.examples.keys()).toSorted(
        (a, b) => text.examples[a]!.ids.length - text.examples[b]!.ids.length,
      )
      for (let from = 0; from < order.length; from += batchSize) {
        const numbers = order.slice(from, from + batchSize)
        const { h_Nd, sequence_N } = statesOf(
          target,
          numbers.map((e) => text.examples[e]!),
        )
        // The rows of a sequence lie together.
        for (let first = 0; first < sequence_N.length; ) {
          let end = first
          while (end < sequence_N.length && sequence_N[end] === sequence_N[first]) end++
          score_E[numbers[sequence_N[first]!]!] = score(h_Nd.slice(first * d, end * d), end - first)
          first = end
        }
        progress(Math.min(order.length, from + batchSize), order.length)
        yield
      }
    }
    yield* decodingStep("scores of states", (signal) => driven(passes(), signal))
    return { score_E, states, read }
  })

const file = "scores.f32"

/**
 * The stage of the scores of a text's examples. Its cost counts for each arm that chooses by them.
 *
 * @param textOf the training text of a task: of the general one
 */
export const stateScoresStage = (
  examples: ExamplesUse,
  states: StateScore,
  { data, target, sizes, architectures }: Pick<Distilling, "data" | "target" | "sizes" | "architectures">,
  textOf: (task: TaskUse) => { readonly data: Stage },
): Effect.Effect<Stage, InvalidInput> =>
  Effect.gen(function* () {
    /** FLOPs of the target's trunk. */
    const flopsOf = (tokens: number, length: number) =>
      forwardFlops(architectures.target, { trunk: tokens, head: 0, length })
    const guess = (sizes.examples ?? 0) * (sizes.length - 1) + states.tokens
    return stage({
      kind: "selection",
      label: `scores of states for ${examples.name}`,
      config: { examples: yield* plain(examples) },
      inputs: [partOf(data, "train"), target, partOf(textOf(states.general).data, "train")],
      code: stageCode({ revisions: ["training"], tensors: true, plugins: [examples] }),
      unit: "examples",
      work: { flops: flopsOf(guess, sizes.length) },
      run: ({ directory, inputs: [ofData, ofTarget, ofGeneral], progress }) =>
        Effect.gen(function* () {
          const text = yield* readSplit(ofData!, "train")
          const general = yield* readSplit(ofGeneral!, "train")
          const model = yield* openModel(ofTarget!)
          const scored = yield* scoresOf(states, { target: model, text, general, progress })
          writeFileSync(join(directory, file), scored.score_E)
          const E = text.examples.length
          const tokens = text.tokens - E + scored.read
          return { tokens, flops: flopsOf(tokens, text.tokens / E), examples: E, general: scored.states }
        }).pipe(Effect.scoped),
    })
  })

/** The scores of an artifact, one for each example. */
export const readStateScores = ({ directory }: Artifact): Effect.Effect<Float32Array, DataError> =>
  Effect.try({
    try: () => new Float32Array(new Uint8Array(readFileSync(join(directory, file))).buffer),
    catch: (error) =>
      new DataError({ message: `${directory}/${file}: ${String(error)}; run with --fresh`, cause: error }),
  })
