/** The stage of an arm or of a distilled reference: one filter and one loss, from a start, against a frozen target. */
import {
  armLayer,
  askedArchitecture,
  draftModel,
  frozen,
  type HeadUse,
  InvalidInput,
  isDraftHead,
  modelsRead,
  provideNeeds,
  Reference,
  reads,
  type ServiceUse,
  sameHeadIds,
  samplingOf,
  Target,
} from "@winnow/core"
import { readModelIds } from "@winnow/models"
import { type CachedSignals, earlierCheckpoint, frozenReference, movingAverage, referenceNeeds } from "@winnow/training"
import { Effect, Layer } from "effect"
import { serviceFlops, textsOf, writingFlops } from "../budget.ts"
import { plainSpec } from "../experiment/plain-json.ts"
import { maskingOf, type SettledArm } from "../experiment/resolved.ts"
import { layersOf, usedServices } from "../experiment/services.ts"
import { signalUses } from "../experiment/signal-uses.ts"
import { ownLossesOf } from "../experiment/text.ts"
import { knownFamilies } from "../families.ts"
import { partOf, type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import type { Artifact } from "../store/store.ts"
import type { Distilling, OwnWriting } from "./distilling.ts"
import { modelDirectory } from "./folder.ts"
import { openModel, openOwnHead, openOwnModel, openReference, readsPieces } from "./models.ts"
import { PartLosses, partLosses, sourceLosses } from "./part-losses.ts"
import { probeOf, readProbeBatches } from "./probe.ts"
import { passOf, readChosen } from "./selection.ts"
import { openReferenceSignals, openTargetSignals, type ReferenceSignals } from "./signals.ts"
import { openStates, statesFormOf } from "./states.ts"
import { openTokenizer, readSplit } from "./text.ts"
import { headAfter, trainedHead } from "./trained-head.ts"
import { trainedModel } from "./trained-model.ts"
import { keepingState, type Sizes, train, trainingFields, trainingPlugins, workOf } from "./training.ts"

/** The cost of an arm's steps, from the needs that its filter and loss declare. */
const armWork = (
  label: string,
  arm: SettledArm,
  sizes: Sizes,
  { draft, target, reference = draft }: Distilling["architectures"],
  head: HeadUse | undefined,
  movesTrunk: boolean | undefined,
  services: ReadonlyArray<ServiceUse>,
  share = 0,
) =>
  Effect.gen(function* () {
    const losses = yield* Effect.forEach([arm.loss, ...Object.values(ownLossesOf(arm.text))], (use) => use.instance)
    const masking = maskingOf(arm.reference)
    const ofTarget = head && (yield* head.instance).on(draft)
    const work = yield* workOf(
      label,
      arm,
      sizes,
      {
        draft,
        ...{ head: ofTarget, movesTrunk },
        target,
        reference: masking ? askedArchitecture(reference, masking) : reference,
        needs: arm.filter.needs.statistics,
        lossNeedsTarget: losses.some(({ target }) => target),
        lossReadsBatch: losses.some(({ batch }) => batch !== undefined),
        signals: arm.signals,
      },
      yield* arm.filter.keeps,
    )
    const texts = share * arm.steps * arm.batchSize * arm.microBatches
    const [read, written] = [texts * (sizes.length - sizes.trained), texts * sizes.trained]
    const sequences = arm.steps * arm.batchSize * arm.microBatches
    const asked = serviceFlops(
      yield* Effect.forEach(services, ({ textFlops }) => textFlops),
      textsOf(sequences, sizes.examples ?? sequences, share),
      sizes.length,
    )
    return { ...work, flops: work.flops! + asked + writingFlops(draft, read, written, sizes.length) }
  })

/** The settings of the draft's own text that enter the stage's key. */
const ownTextOf = ({ writing, share, maxLength }: OwnWriting) => {
  const { seed, maxNew = maxLength } = writing
  return { share, maxLength, maxNew: Math.min(maxNew, maxLength), seed, sampling: samplingOf(writing) }
}

/** Caches that an arm reads in place of frozen models. */
export interface SignalStages {
  readonly target?: Stage | undefined
  readonly reference?: Stage | undefined
  /** The target's states, for a head. */
  readonly states?: Stage | undefined
}

/** The contents of the reference's cache that an arm needs. */
export const referenceSignalsOf = (
  { filter, loss, signals, reference }: Pick<SettledArm, "filter" | "loss" | "signals" | "reference">,
  services: ReadonlyArray<ServiceUse>,
): ReferenceSignals => ({
  statistics: referenceNeeds(filter.needs.statistics),
  loss,
  form: signals.target,
  masking: maskingOf(reference),
  services: usedServices([loss], services),
})

/** One arm under one seed, or a distilled reference: filter, loss, target and reference are the layers of one program. */
export const armStage = (
  arm: SettledArm,
  reference: Stage | undefined,
  signals: SignalStages,
  {
    data,
    own,
    losses,
    tokenizer,
    target,
    start,
    seed,
    selection,
    sizes,
    architectures,
    services,
    head,
    movesTrunk,
    probe: probeText,
    cut: { until, continues } = {},
  }: Distilling,
): Effect.Effect<Stage, InvalidInput> =>
  Effect.gen(function* () {
    const label = `${arm.name.startsWith("reference") ? "" : "arm "}${arm.name}, seed ${seed}`
    const { reference: referenceSpec, name: _, ...spec } = arm
    const masking = reference && maskingOf(referenceSpec)
    const { shards: __, ...signalsRead } = spec.signals
    const following = referenceSpec?.kind === "checkpoint" || referenceSpec?.kind === "average"
    const cached = signals.target !== undefined || signals.reference !== undefined || signals.states !== undefined
    const probed = yield* probeOf(arm, probeText)
    const after = yield* headAfter(head, arm)
    const ofParts = losses?.filter((loss) => loss !== undefined) ?? []
    // Frozen models that the arm reads are inputs even if their signals are cached: a cache names its model.
    const inputs = {
      data: partOf(data, "train"),
      start,
      // A head reads the hidden states of the target, also if its filter and loss read nothing of it.
      target: head || reads("target", arm.filter, arm.loss, ...ofParts) ? target : undefined,
      reference,
      targetSignals: signals.target,
      referenceSignals: signals.reference,
      states: signals.states,
      selection,
      tokenizer: own?.tokenizer ?? (readsPieces(head) ? tokenizer : undefined),
      probe: probed && partOf(probed.data, probed.split),
    }
    const ownText = own && ownTextOf(own)
    const ownServices = usedServices([arm.filter, arm.loss], services)
    const sources = Object.entries(inputs).flatMap(([name, input]) => (input ? [{ name, input }] : []))
    return stage({
      kind: "arm",
      label,
      // The arm's name is not in its key: two arms with the same settings are one artifact.
      config: yield* plainSpec({
        filter: spec.filter,
        loss: spec.loss,
        ...(losses ? { losses: losses.map((loss) => loss ?? null) } : {}),
        ...(yield* trainingFields(spec)),
        ...(following ? { reference: referenceSpec } : {}),
        ...(masking && { masking }),
        ...(ownText ? { ownText } : {}),
        ...(cached ? { signals: signalsRead } : {}),
        ...(ownServices.length > 0 ? { services: ownServices } : {}),
        ...(probed && { probe: { tokens: probed.tokens, split: probed.split, at: probed.at } }),
        ...(until && { until }),
      }),
      inputs: sources.map(({ input }) => input),
      code: stageCode({
        revisions: ["training", ...(own ? (["generation"] as const) : [])],
        tensors: true,
        plugins: [arm.filter, arm.loss, ...ofParts, ...ownServices, ...trainingPlugins(arm)],
      }),
      seed,
      unit: "steps",
      continues,
      sharers: arm.microBatches,
      work: keepingState(
        yield* armWork(
          label,
          { ...arm, steps: until ?? arm.steps },
          sizes,
          architectures,
          after,
          movesTrunk,
          ownServices,
          own?.share,
        ),
        until !== undefined,
        arm,
      ),
      run: (context) =>
        Effect.gen(function* () {
          const artifact = (name: keyof typeof inputs): Artifact | undefined =>
            context.inputs[sources.findIndex((g) => g.name === name)]
          const [ofTarget, ofReference] = [artifact("targetSignals"), artifact("referenceSignals")]
          const ofStates = artifact("states")
          const [textArtifact, targetArtifact, compared] = [
            artifact("data")!,
            artifact("target"),
            artifact("reference"),
          ]
          const openedHead =
            head &&
            (yield* openOwnHead(artifact("start")!, head, yield* openModel(targetArtifact!), artifact("tokenizer")))
          const draft = openedHead
            ? yield* trainedHead(openedHead, after!, arm, seed) // of a head there is one after it
            : yield* trainedModel(yield* openOwnModel(artifact("start")!), arm, seed)
          if (ofReference && compared && !isDraftHead(draft)) {
            // The architectures have as many ids, as the graph has checked; a count over other text has others.
            const ids = yield* readModelIds(yield* modelDirectory(compared), yield* knownFamilies)
            if (!sameHeadIds(draft.headIds, ids)) {
              const problems = ["the reference predicts other ids than the draft; set signals.reference to live"]
              return yield* new InvalidInput({ what: label, problems })
            }
          }
          const text = yield* readSplit(textArtifact, "train")
          const of = { target: targetArtifact, data: textArtifact, text }
          const ofSelection = artifact("selection")
          const chosen = ofSelection ? { ...text, pass: passOf(text, yield* readChosen(ofSelection)) } : text
          if (ofSelection && chosen.pass && chosen.pass.length < arm.batchSize)
            return yield* new InvalidInput({
              what: label,
              problems: [
                `${chosen.pass.length} examples are chosen, fewer than a batch of ${arm.batchSize}; keep more of them, or set a smaller batchSize`,
              ],
            })
          const form = spec.signals.target
          const statesForm = yield* statesFormOf(spec.signals, head, yield* signalUses(arm), architectures.target)
          const read: CachedSignals = {
            ...(ofStates &&
              statesForm && { states: yield* openStates(statesForm, ofStates, architectures.target, of) }),
            ...(ofTarget && form !== "live" && { target: yield* openTargetSignals(form, ofTarget, of) }),
            ...(ofReference &&
              compared && {
                reference: yield* openReferenceSignals(referenceSignalsOf(arm, services), ofReference, compared, of),
              }),
          }
          // A model whose signals are cached is not loaded.
          const targetLayer = Layer.effect(
            Target,
            ofTarget === undefined && targetArtifact
              ? Effect.map(openModel(targetArtifact), frozen)
              : Effect.succeed({ architecture: architectures.target, model: undefined }),
          )
          const referenceLayer = () => {
            if (referenceSpec?.kind === "checkpoint") return earlierCheckpoint(draftModel(draft), referenceSpec.every)
            if (referenceSpec?.kind === "average") return movingAverage(draftModel(draft), referenceSpec.decay)
            if (ofReference)
              return Layer.succeed(Reference, {
                architecture: architectures.reference ?? architectures.draft,
                model: undefined,
              })
            return compared && Layer.unwrap(Effect.map(openReference(compared, masking), frozenReference))
          }
          const readByFilter = modelsRead(arm.filter.needs.statistics, yield* arm.loss.instance)
          // Caches do not cover the probe's tokens.
          const probe = probed && {
            ...(yield* readProbeBatches(label, artifact("probe")!, probed, arm.batchSize)),
            at: probed.at,
            ...(ofTarget && targetArtifact && readByFilter.has("target")
              ? { target: yield* openModel(targetArtifact) }
              : {}),
            ...(ofReference && compared ? { reference: yield* openReference(compared, masking) } : {}),
          }
          const layers = layersOf({ target: targetLayer, reference: referenceLayer() }, ownServices)
          const writes = ownText && {
            ...{ share: ownText.share, maxLength: ownText.maxLength, seed: ownText.seed },
            writing: {
              ...ownText.sampling,
              maxNew: ownText.maxNew,
              eosId: (yield* openTokenizer(artifact("tokenizer")!)).eosId,
            },
          }
          const plugins = [arm.filter, arm.loss, ...ofParts]
          const layer = Layer.merge(armLayer(arm.filter, arm.loss), partLosses(losses))
          return yield* Effect.flatMap(PartLosses, (ofParts) =>
            train(context, {
              label,
              model: draft,
              head: after,
              training: arm,
              ...{ until, keepsState: until !== undefined },
              data: chosen,
              seed,
              sources: sourceLosses(text, ofParts),
              ownText: writes,
              signals: { options: spec.signals, cached: read },
              services: ownServices,
              probe,
            }),
          ).pipe(Effect.provide(provideNeeds(layer, plugins, layers)))
        }).pipe(Effect.scoped),
    })
  })
