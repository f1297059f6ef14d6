/** Scores a draft of a search on the validation split, by the measure of the search. */

import type { HeadUse, InvalidInput, MeasureUse } from "@winnow/core"
import { estimateAcceptance, greedyPass, passOptions, sampledPass, teacherForced } from "@winnow/decoding"
import { driven, type Rollout } from "@winnow/generation"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import type { Measure } from "../experiment/resolved.ts"
import type { SweepMeasure } from "../experiment/sweep.ts"
import { partOf, type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import type { Artifact } from "../store/store.ts"
import { modelMeasureStage } from "./model-measure.ts"
import { openDecoder } from "./models.ts"
import { decodingStep, readRollouts, rolloutsStage } from "./rollouts.ts"
import { readSplit } from "./text.ts"

const code = () => stageCode({ revisions: ["measuring"], tensors: true })

/** A trial as a stage of its draft. */
export type TrialOf = (label: string, draft: Stage, head?: HeadUse) => Effect.Effect<Stage, InvalidInput>

/** The measure of a trial, of its artifact; null where nothing was tested. */
export const scoreOf = ({ manifest }: Artifact): number | null => {
  const { greedyAcceptance, expectedAcceptance, loss, value } = manifest.summary as Readonly<
    Record<string, number | null>
  >
  return greedyAcceptance ?? expectedAcceptance ?? loss ?? value ?? null
}

/** Acceptance of a draft on the target's texts of the validation split, at one draft length, as the stage's summary. */
const acceptanceTrial =
  (by: "greedyAcceptance" | "expectedAcceptance", rollouts: Stage, target: Stage, measure: Measure): TrialOf =>
  (label, draft) => {
    const { gamma, temperature, topK, topP } = measure
    const sampling = { temperature, ...(topK === undefined ? {} : { topK }), ...(topP === undefined ? {} : { topP }) }
    const greedy = by === "greedyAcceptance"
    const trial = stage({
      kind: "trial",
      label,
      config: greedy ? { gamma } : { by, gamma, sampling },
      inputs: greedy ? [draft, rollouts] : [draft, rollouts, target],
      code: code(),
      run: ({ inputs: [model, texts, ofTarget] }) =>
        Effect.gen(function* () {
          const draft = yield* openDecoder(model!, "the draft")
          const rollouts = yield* readRollouts(texts!)
          const p = greedy ? undefined : yield* openDecoder(ofTarget!, "the target")
          const evidence = yield* decodingStep(label, (signal) =>
            driven(p ? sampledPass(p, draft, rollouts, sampling) : greedyPass(draft, rollouts), signal),
          )
          const found = estimateAcceptance(evidence, gamma, label)
          const acceptance = greedy ? found.acceptance : found.expectedAcceptance
          return { [by]: acceptance?.pooled ?? null, testedTokens: found.testedTokens }
        }).pipe(Effect.scoped),
    })
    return Effect.succeed(trial)
  }

/** -log q of the answers of the validation split, mean over tokens, as the stage's summary. */
const lossTrial =
  (data: Stage, prompts: number): TrialOf =>
  (label, draft) =>
    Effect.succeed(
      stage({
        kind: "trial",
        label,
        config: { by: "loss", prompts },
        inputs: [draft, partOf(data, "validation")],
        code: code(),
        run: ({ inputs: [model, text] }) =>
          Effect.gen(function* () {
            const draft = yield* openDecoder(model!, "the draft")
            const context = draft.architecture.maxLength
            const answers = (yield* readSplit(text!, "validation")).examples.slice(0, prompts).map(
              ({ ids, promptLength }): Rollout => ({
                prompt: ids.subarray(0, promptLength),
                tokens: ids.subarray(promptLength, Math.max(promptLength, context)),
                finish: "eos",
                limit: ids.length - promptLength,
              }),
            )
            let [sum, tokens] = [0, 0]
            const whole = teacherForced(
              [draft],
              answers,
              passOptions.assert({}),
              ({ logits_RV: [logits_RV], token_R }) => {
                const [R, V] = logits_RV!.shape
                const flat_R = tf.add(tf.mul(tf.range(0, R, 1, "int32"), V), tf.tensor1d(token_R, "int32"))
                const gold_R = tf.gather(tf.reshape(logits_RV!, [R * V]), tf.cast(flat_R, "int32"))
                for (const loss of tf.sub(tf.logSumExp(logits_RV!, 1), gold_R).dataSync()) sum += loss
                tokens += R
              },
            )
            yield* decodingStep(label, (signal) => driven(whole, signal))
            const loss = sum / tokens
            return { loss: Number.isFinite(loss) ? loss : null, testedTokens: tokens }
          }).pipe(Effect.scoped),
      }),
    )

/**
 * The trials of a search.
 *
 * @param prompts of the validation split, the first of it
 */
export const trialsBy = (
  by: SweepMeasure | MeasureUse,
  measure: Measure,
  prompts: number,
  inputs: { readonly tokenizer: Stage; readonly data: Stage; readonly target: Stage },
): TrialOf => {
  const { data, target, tokenizer } = inputs
  if (typeof by !== "string")
    return (label, model, head) =>
      modelMeasureStage({
        label,
        measure: by,
        model,
        head,
        target,
        tokenizer,
        data,
        split: "validation",
        prompts,
        seed: measure.seed,
      })
  if (by === "loss") return lossTrial(data, prompts)
  const validation = { ...measure, split: "validation", prompts } as const
  const rollouts = rolloutsStage(validation, by === "greedyAcceptance" ? "greedy" : "sampled", inputs)
  return acceptanceTrial(by, rollouts, target, measure)
}
