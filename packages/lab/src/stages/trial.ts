/** How well a draft of the search for a learning rate is accepted, on the validation split. */
import { estimateAcceptance, greedyPass } from "@winnow/decoding"
import { driven } from "@winnow/generation"
import { Effect } from "effect"
import { type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import { openModel } from "./models.ts"
import { decodingStep, readRollouts } from "./rollouts.ts"

/** Greedy acceptance of a draft at one draft length, as the stage's summary. */
export const trialStage = (spec: {
  readonly label: string
  readonly draft: Stage
  /** The target's greedy texts of the validation split. */
  readonly rollouts: Stage
  readonly gamma: number
}): Stage => {
  const { label, draft, rollouts, gamma } = spec
  return stage({
    kind: "trial",
    label,
    config: { gamma },
    inputs: [draft, rollouts],
    code: stageCode({ revisions: ["measuring"], tensors: true }),
    run: ({ inputs: [model, texts] }) =>
      Effect.gen(function* () {
        const draft = yield* openModel(model!)
        const rollouts = yield* readRollouts(texts!)
        const evidence = yield* decodingStep(label, (signal) => driven(greedyPass(draft, rollouts), signal))
        const { acceptance, testedTokens } = estimateAcceptance(evidence, gamma, label)
        return { greedyAcceptance: acceptance?.pooled ?? null, testedTokens }
      }).pipe(Effect.scoped),
  })
}
