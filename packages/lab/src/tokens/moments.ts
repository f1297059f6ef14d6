/** An arm before its first step and after its last: the filter's choice, the draft's answers, their acceptance. */
import {
  armLayer,
  asDecoder,
  attendsBefore,
  type Datasets,
  type Decoder,
  type Draft,
  type Encoder,
  Filter,
  type FilterInstance,
  isDraftHead,
  Loss,
  nextToken,
  provideNeeds,
  type Sampling,
  type ServiceUse,
} from "@winnow/core"
import { sampledPass } from "@winnow/decoding"
import { driven, type Rollout } from "@winnow/generation"
import { frozenReference, frozenTarget } from "@winnow/training"
import { Context, Effect, Layer, type Scope } from "effect"
import type { Arm } from "../cells.ts"
import { layersOf } from "../experiment/services.ts"
import type { StageError } from "../stage.ts"
import { decodingStep } from "../stages/rollouts.ts"
import { choicesOn } from "./choices.ts"
import { packed, type Snapshot } from "./document.ts"
import { readingOf } from "./reading.ts"
import { joined, type Texts, textsOf } from "./texts.ts"

/** The parts of an arm that a moment of its training needs. */
export interface MomentOf {
  readonly arm: Pick<Arm, "filter" | "loss" | "batchSize" | "steps">
  readonly seed: number
  readonly services: ReadonlyArray<ServiceUse>
  readonly target: Encoder | undefined
  readonly sampling: Sampling
}

/** A moment: steps done, the draft then, and the reference that the filter compares it with. */
export interface Moment {
  readonly step: number
  readonly draft: Draft
  readonly reference: Encoder | undefined
  /** A sentence, where the filter's choice at this step cannot be computed. */
  readonly unknown: string | undefined
}

/** A model whose answers along a text can be read; undefined for a head, and for one that attends both ways. */
const readable = (model: Draft | undefined): Decoder | undefined =>
  model === undefined || isDraftHead(model) || !attendsBefore(model.architecture)
    ? undefined
    : asDecoder(model, "a model of the page")

/** Keeps all tokens, so that their statistics are computed. */
const collector: FilterInstance = {
  name: "every",
  needs: ["draftNll_N", "acceptance_N"],
  select: ({ N }) => new Uint8Array(N).fill(1),
  save: () => null,
  restore: () => {},
}

/** The filter's choice at a moment; its memory is that of a filter that has seen nothing. */
const choiceAt = (
  texts: Texts,
  beyond: ReadonlyArray<Rollout>,
  { arm, seed, services, target }: MomentOf,
  { step, draft, reference, unknown }: Moment,
): Effect.Effect<Pick<Snapshot, "kept" | "score" | "statistics" | "note">, StageError, Datasets | Scope.Scope> =>
  Effect.gen(function* () {
    const nothing = { kept: null, score: null, statistics: {} }
    if (unknown !== undefined) return { ...nothing, note: unknown }
    const layers = layersOf(
      { target: target && frozenTarget(target), reference: reference && frozenReference(reference) },
      services,
    )
    const plugins = [arm.filter, arm.loss] as const
    const built = yield* Layer.build(provideNeeds(armLayer(...plugins), plugins, layers))
    const [filter, loss] = [Context.get(built, Filter), Context.get(built, Loss)]
    if (step > 0 && (filter.save() !== null || filter.tensors !== undefined))
      return { ...nothing, note: "The filter remembers values between steps, and no run keeps its memory." }
    const { batchSize, steps } = arm
    const choosing = { draft, target, reference, filter, loss, batchSize, step, steps, seed }
    const read = textsOf([...texts.texts, ...beyond])
    const { kept_N, score_N, statistics } = yield* decodingStep("tokens that the filter keeps", (signal) =>
      driven(choicesOn(read, choosing), signal),
    )
    const shown = (values: Uint8Array | Float32Array) => packed(values.subarray(0, texts.N))
    return {
      kept: shown(kept_N),
      score: score_N ? shown(score_N) : null,
      statistics: Object.fromEntries(Array.from(statistics, ([name, value_N]) => [name, shown(value_N)])),
      note: null,
    }
  })

/** Of a head the loss and the acceptance of its first place in a block, as the step's own head computes them. */
const headReading = (texts: Texts, head: Draft, { arm, target, seed, sampling }: MomentOf) =>
  Effect.gen(function* () {
    const { batchSize, steps } = arm
    const loss = yield* nextToken().instance
    const choosing = { draft: head, target, filter: collector, loss, batchSize, step: 0, steps, seed }
    const { statistics } = yield* decodingStep("the head's answers", (signal) =>
      driven(choicesOn(texts, choosing), signal),
    )
    const of = (name: string) => packed(statistics.get(name)!)
    const isPlain = sampling.temperature === 1 && sampling.topK === undefined && sampling.topP === undefined
    return {
      draft: { nll: of("draftNll_N"), k: 0, ids: "", probabilities: "" },
      acceptance: isPlain ? of("acceptance_N") : null,
    }
  })

/**
 * All that a page shows of a moment.
 *
 * @param beyond texts that complete the last batch, within which the filter decides
 */
export const snapshotAt = (
  texts: Texts,
  beyond: ReadonlyArray<Rollout>,
  of: MomentOf,
  moment: Moment,
): Effect.Effect<Snapshot, StageError, Datasets> =>
  Effect.gen(function* () {
    const choice = yield* choiceAt(texts, beyond, of, moment)
    if (isDraftHead(moment.draft))
      return { step: moment.step, ...choice, ...(yield* headReading(texts, moment.draft, of)) }
    const [draft, target] = [readable(moment.draft), readable(of.target)]
    const reading =
      draft && (yield* decodingStep("the draft's answers", (signal) => driven(readingOf(draft, texts), signal)))
    const evidence =
      draft && target
        ? yield* decodingStep("the draft's acceptance", (signal) =>
            driven(sampledPass(target, draft, texts.texts, of.sampling), signal),
          )
        : undefined
    const acceptance = evidence?.overlap ? packed(joined(texts, evidence.overlap)) : null
    return { step: moment.step, ...choice, draft: reading ?? null, acceptance }
  }).pipe(Effect.scoped)

/** A frozen model's answers; null for one whose answers along a text cannot be read. */
export const frozenReading = (texts: Texts, what: string, model: Encoder | undefined) => {
  const decoder = model?.masking === undefined ? readable(model) : undefined
  if (decoder === undefined) return Effect.succeed(null)
  return decodingStep(what, (signal) => driven(readingOf(decoder, texts), signal))
}
