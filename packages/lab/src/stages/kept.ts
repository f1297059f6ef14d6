/**
 * Computes the tokens of the target's own texts that an arm's filter keeps, with the draft as it starts: a division of
 * the evaluation text on which both the arm and its baseline can be measured.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { armLayer, DataError, Filter, type InvalidInput, isDraftHead, Loss, provideNeeds, reads } from "@winnow/core"
import { driven } from "@winnow/generation"
import { frozenReference, frozenTarget } from "@winnow/training"
import { Context, Effect, Layer } from "effect"
import type { Arm } from "../cells.ts"
import { plain, plainSpec } from "../experiment/plain-json.ts"
import { maskingOf } from "../experiment/resolved.ts"
import { layersOf, usedServices } from "../experiment/services.ts"
import { type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import type { Artifact } from "../store/store.ts"
import { choicesOn } from "../tokens/choices.ts"
import { cutTo, textsOf } from "../tokens/texts.ts"
import type { Distilling } from "./distilling.ts"
import { openModel, openOwnHead, openReference, readsPieces } from "./models.ts"
import { decodingStep, readRollouts } from "./rollouts.ts"

const file = "kept.json"

/**
 * The stage of an arm's division under a seed: the filter at step 0, on batches with as many texts as the arm's own. Of a
 * head the tokens are those of its first entry; one that it does not predict is not kept.
 */
export const keptStage = (
  arm: Arm,
  {
    target,
    start,
    reference,
    greedy,
    seed,
    services,
    head,
    tokenizer,
  }: Pick<Distilling, "target" | "start" | "seed" | "services" | "head" | "tokenizer"> & {
    readonly reference: Stage | undefined
    readonly greedy: Stage
  },
): Effect.Effect<Stage, InvalidInput> =>
  Effect.gen(function* () {
    const { batchSize, steps } = arm
    const masking = reference && maskingOf(arm.reference)
    // At step 0 a reference that follows the draft is the start itself.
    const inputs = {
      target: head || reads("target", arm.filter, arm.loss) ? target : undefined,
      start,
      reference: reads("reference", arm.filter) ? (reference ?? start) : undefined,
      greedy,
      tokenizer: readsPieces(head) ? tokenizer : undefined,
    }
    const ownServices = usedServices([arm.filter, arm.loss], services)
    const sources = Object.entries(inputs).flatMap(([name, input]) => (input ? [{ name, input }] : []))
    return stage({
      kind: "kept",
      label: `tokens that ${arm.name} keeps, seed ${seed}`,
      config: {
        ...{ filter: yield* plain(arm.filter), loss: yield* plain(arm.loss), batchSize, steps },
        ...(masking && { masking }),
        ...(ownServices.length > 0 ? yield* plainSpec({ services: ownServices }) : {}),
      },
      inputs: sources.map(({ input }) => input),
      code: stageCode({
        revisions: ["training", "measuring"],
        tensors: true,
        plugins: [arm.filter, arm.loss, ...(head ? [head] : []), ...ownServices],
      }),
      seed,
      run: (context) =>
        Effect.gen(function* () {
          const artifact = (name: keyof typeof inputs) => context.inputs[sources.findIndex((g) => g.name === name)]
          const [ofTarget, ofReference] = [artifact("target"), artifact("reference")]
          const target = ofTarget && (yield* openModel(ofTarget))
          const reference = ofReference && (yield* openReference(ofReference, masking))
          const draft = head
            ? yield* openOwnHead(artifact("start")!, head, target!, artifact("tokenizer"))
            : yield* openModel(artifact("start")!)
          const models = [isDraftHead(draft) ? draft.target : draft, target, reference]
          const layers = layersOf(
            { target: target && frozenTarget(target), reference: reference && frozenReference(reference) },
            ownServices,
          )
          const plugins = [arm.filter, arm.loss] as const
          const built = yield* Layer.build(provideNeeds(armLayer(...plugins), plugins, layers))
          const [filter, loss] = [Context.get(built, Filter), Context.get(built, Loss)]
          const rollouts = yield* readRollouts(artifact("greedy")!)
          // Tokens that all models can read: fewer than the text has if one model has a short context.
          const readable = Math.min(...models.flatMap((model) => model?.architecture.maxLength ?? []))
          const texts = textsOf(cutTo(rollouts, readable))
          const of = { draft, target, reference, filter, loss, batchSize, step: 0, steps, seed }
          const { kept_N } = yield* decodingStep(`tokens that ${arm.name} keeps`, (signal) =>
            driven(choicesOn(texts, of), signal),
          )
          const kept = texts.texts.map(({ tokens }, i) =>
            kept_N.subarray(texts.from[i]!, texts.from[i]! + tokens.length),
          )
          writeFileSync(join(context.directory, file), JSON.stringify(kept.map((bits) => bits.join(""))))
          const tokens = kept.reduce((sum, bits) => sum + bits.length, 0)
          return { tokens, kept: kept.reduce((sum, bits) => sum + bits.reduce((a, b) => a + b, 0), 0) / tokens }
        }).pipe(Effect.scoped),
    })
  })

/**
 * For each prompt of the greedy rollouts a text with a "1" (kept) or "0" (dropped) for each generated token that the
 * models can read.
 */
export const readKept = (artifact: Artifact): Effect.Effect<ReadonlyArray<string>, DataError> =>
  Effect.try({
    try: () => JSON.parse(readFileSync(join(artifact.directory, file), "utf8")) as ReadonlyArray<string>,
    catch: (error) =>
      new DataError({ message: `${artifact.directory}/${file}: ${String(error)}; run with --fresh`, cause: error }),
  })
