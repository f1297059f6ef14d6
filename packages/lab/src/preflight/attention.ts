/**
 * Refuses, before any work, uses that a bidirectional model cannot serve: writing text, decoding, predicting tokens
 * that it sees.
 */
import {
  type Architecture,
  type Attends,
  attendsBefore,
  InvalidInput,
  type MeasureUse,
  type ObjectiveUse,
  reads,
  usesIn,
} from "@winnow/core"
import { canTurn, turnedArchitecture } from "@winnow/models"
import { Effect } from "effect"
import { isOwn, ownStarts, type PlacedTraining, trainingsOf } from "../experiment/places.ts"
import { maskingOf, type PlacedArm, type Resolved, type ResolvedArm } from "../experiment/resolved.ts"
import type { OwnStart } from "../experiment/start.ts"
import { ownLossesOf, type ResolvedText, writersOf } from "../experiment/text.ts"

type Model = Architecture<Attends>

/** A training with its place, and the models that it trains and reads. */
interface ModelTraining {
  readonly at: string
  readonly training: { readonly objective?: ObjectiveUse; readonly text?: ResolvedText }
  readonly model: Model
  readonly arm?: ResolvedArm | undefined
  /** The reference that is asked by masks. */
  readonly asked?: Model | undefined
  /** Frozen models whose predictions it reads, by their names in messages. */
  readonly frozen: ReadonlyArray<readonly [name: string, model: Model]>
}

const isBoth = (model: Model): boolean => !attendsBefore(model)
const readsBefore = (objective: ObjectiveUse | undefined): boolean =>
  objective === undefined || objective.traits.reads === "before"

const masked = "an objective that reads both ways, such as masked"

/** The trainings of an experiment with their models. */
const modelTrainings = (resolved: Resolved, byStart: ReadonlyMap<OwnStart, Model>): ReadonlyArray<ModelTraining> => {
  const all = trainingsOf(resolved)
  const modelOf = ({ from, turned }: Pick<PlacedTraining, "from" | "turned">): Model =>
    turned ? turnedArchitecture(byStart.get(from)!) : byStart.get(from)!
  const modelAt = (at: string) => modelOf(all.find((training) => training.at === at)!)
  const targetOf = ({ target }: Pick<ResolvedArm, "target">) =>
    ["the target", byStart.get(target ?? resolved.target)!] as const
  const referenceOf = ({ at, arm: { reference } }: PlacedArm): Model => {
    if (reference?.kind === "distilled" || reference?.kind === "trained") return modelAt(`the reference of ${at}`)
    if (reference?.kind === "earlier") return byStart.get(reference.start ?? resolved.draft.start)!
    return reference && isOwn(reference) ? byStart.get(reference)! : modelAt(at)
  }
  return all.map(({ at, training, ...root }) => {
    const placed = resolved.placed.find((one) => one.at === at)
    const of = { at, training, model: modelOf(root) }
    if (placed === undefined) {
      const distilled = resolved.placed.flatMap(({ at: place, arm: { reference } }) =>
        at === `the reference of ${place}` && reference?.kind === "distilled" ? [reference] : [],
      )
      // A distilled reference has the experiment's target: `resolve` refuses one beside a target of the arm's own.
      const target = targetOf({})
      return {
        ...of,
        frozen: distilled.some((of) => reads("target", of.filter, of.loss, ...ownLosses(of))) ? [target] : [],
      }
    }
    const { arm } = placed
    const asked = arm.filterNeedsReference && maskingOf(arm.reference) ? referenceOf(placed) : undefined
    // A reference that is asked by masks sees no token that it tells.
    const reference =
      arm.filterNeedsReference && asked === undefined ? [["the reference", referenceOf(placed)] as const] : []
    const frozen = [...(reads("target", arm.filter, arm.loss, ...ownLosses(arm)) ? [targetOf(arm)] : []), ...reference]
    return { ...of, arm, asked, frozen }
  })
}

/** The losses that parts of its text have of their own. */
const ownLosses = ({ text }: { readonly text?: ResolvedText | undefined }) => Object.values(ownLossesOf(text))

/** The faults of one training. */
const faultsOf = ({ at, training, model, arm, asked, frozen }: ModelTraining, target: Model): ReadonlyArray<string> => {
  const { objective, text } = training
  const name = objective?.name ?? "next-token"
  const seeing = frozen.filter(([, of]) => isBoth(of)).map(([of, { type }]) => `${of}, ${type},`)
  const [seer] = isBoth(model) ? [model.type] : seeing
  const writers = writersOf(text)
  return [
    ...(asked && !isBoth(asked)
      ? [`${at}.reference.masking: ${asked.type} reads what is before and needs no mask; leave masking out`]
      : []),
    ...(asked && !readsBefore(objective)
      ? [`${at}.reference.masking: objective ${name} masks tokens itself; leave masking out`]
      : []),
    ...(seer !== undefined && readsBefore(objective)
      ? [`${at}: ${seer} attends both ways and sees the tokens that objective ${name} asks for; set ${masked}`]
      : []),
    ...(writers.has("target") && isBoth(target)
      ? [`${at}.text: the target, ${target.type}, attends both ways and writes no text; train on the task's`]
      : []),
    ...((writers.has("start") || writers.has("draft")) && isBoth(model)
      ? [`${at}.text: ${model.type} attends both ways and writes no text; train on the task's`]
      : []),
    ...(arm?.examples && arm.examples.needs.statistics.length > 0 && isBoth(model)
      ? [
          `${at}.examples: filter ${arm.examples.name} reads statistics of next tokens, which ${model.type} sees; take one that reads none`,
        ]
      : []),
  ]
}

/** A measure that asks for tokens that a model sees. */
const measureFaults = (at: string, measure: MeasureUse, models: ReadonlyArray<Model>): ReadonlyArray<string> => {
  const seer = models.find(isBoth)
  if (seer === undefined || measure.attends !== "before") return []
  const [objective] = usesIn(measure.options).filter(({ kind }) => kind === "objective")
  const asks = objective ? `the tokens of objective ${objective.name}` : "next tokens"
  return [
    `${at}: measure ${measure.name} asks for ${asks}, and ${seer.type} attends both ways and sees them; give it ${masked}`,
  ]
}

/**
 * Refuses bidirectional models in places that they cannot serve.
 *
 * @param models of the experiment's own starts, in the order of `ownStarts`
 * @error InvalidInput with a line for each place
 */
export const checkAttention = (resolved: Resolved, models: ReadonlyArray<Model>): Effect.Effect<void, InvalidInput> => {
  const asks = resolved.placed.some(({ arm }) => maskingOf(arm.reference) !== undefined)
  if (!models.some(isBoth) && !asks && !trainingsOf(resolved).some(({ turned }) => turned)) return Effect.void
  const places = ownStarts(resolved)
  const byStart = new Map(places.map(({ start }, i) => [start, models[i]!]))
  const fixed = trainingsOf(resolved).flatMap(({ at, from, turned }) =>
    turned && !canTurn(byStart.get(from)!)
      ? [
          `${at}.start: it is turned, and no family has the layers of ${byStart.get(from)!.type} with the other attention; take one that has, such as modernbert`,
        ]
      : [],
  )
  if (fixed.length > 0) return Effect.fail(new InvalidInput({ what: `experiment ${resolved.name}`, problems: fixed }))
  const target = byStart.get(resolved.target)!
  // A reference that is asked by masks decodes nothing.
  const asked = new Set(
    resolved.placed.flatMap(({ arm: { reference } }) =>
      reference?.kind === "trained" && maskingOf(reference) && reference.start ? [reference.start] : [],
    ),
  ) as ReadonlySet<unknown>
  const decoded = resolved.acceptance
    ? places.flatMap(({ name, start }, i) =>
        isBoth(models[i]!) && !asked.has(start)
          ? [
              `${name}: ${models[i]!.type} attends both ways, so nothing can be decoded with it; take a decoder, such as llama, or list measures without "acceptance"`,
            ]
          : [],
      )
    : []
  const { sweep, measures } = resolved
  const trainings = modelTrainings(resolved, byStart)
  const undecoded = trainings.flatMap(({ at, arm, model }) =>
    resolved.acceptance && arm && isBoth(model) && decoded.length === 0
      ? [`${at}: its start is turned into ${model.type}, which attends both ways and decodes nothing; leave turned out`]
      : [],
  )
  const drafts = [byStart.get(resolved.draft.start)!, ...trainings.flatMap(({ arm, model }) => (arm ? [model] : []))]
  const measured = (measure: MeasureUse) => [...drafts, ...(measure.reads.includes("targetRows") ? [target] : [])]
  const by = sweep?.by
  const problems = [
    ...decoded,
    ...undecoded,
    ...trainings.flatMap((training) => faultsOf(training, target)),
    // The run turns the other models for a measure.
    ...measures.flatMap((measure) =>
      measureFaults(
        "measures",
        measure,
        measured(measure).filter((model) => model === target || !canTurn(model)),
      ),
    ),
    ...(by !== undefined && typeof by !== "string" ? measureFaults("sweep.by", by, measured(by)) : []),
    ...(by === "loss" && drafts.some(isBoth)
      ? [
          `sweep.by: loss is of next tokens, which a model that attends both ways sees; search by a measure, such as accuracy of ${masked}`,
        ]
      : []),
  ]
  return problems.length === 0
    ? Effect.void
    : Effect.fail(new InvalidInput({ what: `experiment ${resolved.name}`, problems }))
}
