/** Scores a draft of a search on the validation split, by the measure of the search. */

import { type Decoder, type HeadUse, type InvalidInput, type MeasureUse, type Sampling, samplingOf } from "@winnow/core"
import {
  type Evidence,
  estimateAcceptance,
  evidenceOnGreedy,
  evidenceOnSamples,
  greedyPass,
  headProposer,
  passOptions,
  sampledPass,
  teacherForced,
} from "@winnow/decoding"
import { driven, type Pieces, type Rollout } from "@winnow/generation"
import { tf } from "@winnow/tensor"
import { Effect } from "effect"
import type { Measure } from "../experiment/resolved.ts"
import type { SweepMeasure } from "../experiment/sweep.ts"
import { partOf, type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import type { Artifact } from "../store/store.ts"
import { modelMeasureStage } from "./model-measure.ts"
import { openDecoder, openOwnHead } from "./models.ts"
import { decodingStep, readRollouts, rolloutsStage } from "./rollouts.ts"
import type { StartScore } from "./start-scores.ts"
import { openTokenizer, readSplit } from "./text.ts"

const code = () => stageCode({ revisions: ["measuring"], tensors: true })

/** A trial as a stage of its draft. */
export type TrialOf = (label: string, draft: Stage, head?: HeadUse) => Effect.Effect<Stage, InvalidInput>

/**
 * The measure of a trial, of its artifact; null where nothing was tested.
 *
 * @param score the name of a score, where the artifact has the scores of a start
 */
export const scoreOf = ({ manifest }: Artifact, score?: string): number | null => {
  if (score !== undefined) return (manifest.summary["scores"] as Readonly<Record<string, StartScore>>)[score]!.score
  const { greedyAcceptance, expectedAcceptance, loss, value } = manifest.summary as Readonly<
    Record<string, number | null>
  >
  return greedyAcceptance ?? expectedAcceptance ?? loss ?? value ?? null
}

/** The pass of a draft model over texts of the target: greedy without the target. */
const modelPass = (
  draft: Decoder,
  target: Decoder | undefined,
  rollouts: ReadonlyArray<Rollout>,
  sampling: Sampling,
): Pieces<Evidence> =>
  target === undefined ? greedyPass(draft, rollouts) : sampledPass(target, draft, rollouts, sampling)

/** The same of a head, which reads the target's states; without options of sampling the texts are greedy. */
const headPass = (
  artifact: Artifact,
  head: HeadUse,
  target: Decoder,
  words: Artifact,
  rollouts: ReadonlyArray<Rollout>,
  sampling: Sampling | undefined,
  longest: number,
) =>
  Effect.gen(function* () {
    const proposer = headProposer(yield* openOwnHead(artifact, head, target, words))
    const conditions = { eosId: (yield* openTokenizer(words)).eosId, longest }
    // There is evidence for a head, which reads the target's states.
    return sampling === undefined
      ? evidenceOnGreedy(target, proposer, rollouts, conditions)!
      : evidenceOnSamples(target, proposer, rollouts, sampling, conditions)!
  })

/** Acceptance of a draft on the target's texts of the validation split, at one draft length, as the stage's summary. */
const acceptanceTrial =
  (
    by: "greedyAcceptance" | "expectedAcceptance",
    rollouts: Stage,
    { target, tokenizer }: { readonly target: Stage; readonly tokenizer: Stage },
    measure: Measure,
  ): TrialOf =>
  (label, draft, head) => {
    const { gamma } = measure
    const sampling = samplingOf(measure)
    const greedy = by === "greedyAcceptance"
    const trial = stage({
      kind: "trial",
      label,
      config: greedy ? { gamma } : { by, gamma, sampling },
      inputs: [draft, rollouts, ...(greedy && head === undefined ? [] : [target]), ...(head ? [tokenizer] : [])],
      code: stageCode({ revisions: ["measuring"], tensors: true, ...(head && { plugins: [head] }) }),
      run: ({ inputs: [model, texts, ofTarget, words] }) =>
        Effect.gen(function* () {
          const rollouts = yield* readRollouts(texts!)
          const p = ofTarget && (yield* openDecoder(ofTarget, "the target"))
          const pass = head
            ? yield* headPass(model!, head, p!, words!, rollouts, greedy ? undefined : sampling, gamma)
            : modelPass(yield* openDecoder(model!, "the draft"), p, rollouts, sampling)
          const evidence = yield* decodingStep(label, (signal) => driven(pass, signal))
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
  return acceptanceTrial(by, rollouts, { target, tokenizer }, measure)
}
