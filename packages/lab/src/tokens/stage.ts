/** The readings of one arm under one seed for a token page: a stage, computed from the artifacts of a finished run. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DataError, type HeadUse, type InvalidInput, reads, type ServiceUse } from "@winnow/core"
import { Effect } from "effect"
import type { Arm } from "../cells.ts"
import { plain, plainSpec } from "../experiment/plain-json.ts"
import { type Measure, maskingOf } from "../experiment/resolved.ts"
import { usedServices } from "../experiment/services.ts"
import { partOf, type Stage, stage } from "../stage.ts"
import { openModel, openOwnHead, openReference, readsPieces } from "../stages/models.ts"
import { type ProbeText, probeOf, probeTexts, readProbe } from "../stages/probe.ts"
import { readRollouts } from "../stages/rollouts.ts"
import { openTokenizer, readSplit } from "../stages/text.ts"
import { stageCode } from "../store/code/stage-code.ts"
import type { Artifact } from "../store/store.ts"
import { type ArmReadings, armReadings, packed } from "./document.ts"
import { contextOf, type OpenedArm, readingsOn, type SetTexts, verdictsOn } from "./readings.ts"
import { cutTo, textOfExample } from "./texts.ts"

const file = "tokens.json"

/** An arm under a seed, with the stages of its run. */
export interface TokensSpec {
  readonly arm: Arm
  readonly seed: number
  readonly trained: Stage
  readonly start: Stage
  readonly reference: Stage | undefined
  readonly head: HeadUse | undefined
  readonly target: Stage
  readonly tokenizer: Stage
  /** The target's greedy texts; undefined of a run that measures no acceptance. */
  readonly greedy: Stage | undefined
  readonly probe: ProbeText | undefined
  readonly services: ReadonlyArray<ServiceUse>
  readonly measure: Measure
  /** The target's texts that a page shows, from the first on. */
  readonly prompts: number
}

/** The stage of an arm's readings. */
export const tokensStage = (spec: TokensSpec): Effect.Effect<Stage, InvalidInput> =>
  Effect.gen(function* () {
    const { arm, seed, head, measure, prompts } = spec
    const { batchSize, steps, filter, loss } = arm
    const services = usedServices([filter, loss], spec.services)
    const masking = spec.reference && maskingOf(arm.reference)
    const follows = arm.reference?.kind === "checkpoint" || arm.reference?.kind === "average"
    // Of an arm with its own target, and of other tasks than the next token, no choice is computed.
    const chooses = arm.objective === undefined && arm.target === undefined
    const { probe } = spec
    const isRecorded = (yield* probeOf(arm, probe)) !== undefined
    const readsTarget = spec.greedy !== undefined || (chooses && reads("target", filter, loss)) || head !== undefined
    const inputs = {
      trained: spec.trained,
      start: spec.start,
      tokenizer: spec.tokenizer,
      target: readsTarget ? spec.target : undefined,
      reference: chooses && reads("reference", filter) ? spec.reference : undefined,
      greedy: spec.greedy,
      probe: probe && partOf(probe.data, probe.split),
    }
    const sources = Object.entries(inputs).flatMap(([name, input]) => (input ? [{ name, input }] : []))
    const { temperature, topK, topP, gamma, maxNew } = measure
    const sampling = {
      temperature: temperature > 0 ? temperature : 1,
      ...(topK === undefined ? {} : { topK }),
      ...(topP === undefined ? {} : { topP }),
    }
    return stage({
      kind: "tokens",
      label: `tokens of ${arm.name}, seed ${seed}`,
      config: {
        ...{ filter: yield* plain(filter), loss: yield* plain(loss), batchSize, steps, chooses, follows },
        ...(masking && { masking }),
        ...(services.length > 0 ? yield* plainSpec({ services }) : {}),
        ...(spec.greedy && { prompts, gamma, maxNew }),
        ...(probe && { probe: { tokens: probe.tokens, split: probe.split } }),
        sampling,
      },
      inputs: sources.map(({ input }) => input),
      code: stageCode({
        revisions: ["training", "measuring"],
        tensors: true,
        plugins: [filter, loss, ...services, ...(head ? [head] : [])],
      }),
      seed,
      unit: "parts",
      run: ({ directory, inputs: artifacts, progress }) =>
        Effect.gen(function* () {
          const artifact = (name: keyof typeof inputs) => artifacts[sources.findIndex((source) => source.name === name)]
          const [ofTarget, ofReference] = [artifact("target"), artifact("reference")]
          const target = ofTarget && (yield* openModel(ofTarget))
          const reference = ofReference && (yield* openReference(ofReference, masking))
          const words = readsPieces(head) ? artifact("tokenizer") : undefined
          const draftAt: OpenedArm["draftAt"] = (moment) => {
            const of = artifact(moment === "first" ? "start" : "trained")!
            return head ? openOwnHead(of, head, target!, words) : openModel(of)
          }
          const opened = { arm, seed, services, target, sampling, reference, follows, chooses, draftAt }
          const context = yield* contextOf(opened)
          const sets: Array<ArmReadings["sets"][number]> = []
          const ofGreedy = artifact("greedy")
          if (ofGreedy) {
            const all = cutTo(yield* readRollouts(ofGreedy), context)
            const texts = all.slice(0, prompts)
            const beyond = all.slice(texts.length, Math.ceil(texts.length / batchSize) * batchSize)
            const answers: SetTexts = { name: "answers", texts, beyond, recorded: [] }
            const set = yield* readingsOn(opened, answers)
            progress(1, 3)
            const { eosId } = yield* openTokenizer(artifact("tokenizer")!)
            const decoding = yield* verdictsOn(opened, target!, answers, { gamma, maxNew, eosId })
            sets.push({ ...set, arm: { ...set.arm, decoding } })
            progress(2, 3)
          }
          const ofProbe = artifact("probe")
          if (ofProbe && probe) {
            const { examples } = yield* readSplit(ofProbe, probe.split)
            const points = isRecorded ? yield* readProbe(artifact("trained")!) : []
            const recorded = points.map(({ step, kept_N, score_N }) => ({
              step,
              kept: packed(kept_N),
              score: score_N ? packed(score_N) : null,
            }))
            const texts = probeTexts(examples, probe.tokens).map(textOfExample)
            sets.push(yield* readingsOn(opened, { name: "probe", texts, beyond: [], recorded }))
          }
          progress(3, 3)
          writeFileSync(join(directory, file), JSON.stringify(armReadings.assert({ sets })))
          return { tokens: sets.flatMap(({ lengths }) => lengths).reduce((sum, length) => sum + length, 0) }
        }).pipe(Effect.scoped),
    })
  })

/** The readings of an artifact. */
export const readTokens = ({ directory }: Artifact): Effect.Effect<ArmReadings, DataError> =>
  Effect.try({
    try: () => armReadings.assert(JSON.parse(readFileSync(join(directory, file), "utf8"))),
    catch: (error) =>
      new DataError({
        message: `${directory}/${file}: ${String(error)}; remove this folder, and run again`,
        cause: error,
      }),
  })
