/** Refuses, before any work, settings that need a model where a draft is a head on the target. */
import { type HeadUse, reads } from "@winnow/core"
import { ownStarts, type PlacedTraining, trainingsOf } from "../experiment/places.ts"
import type { Resolved, ResolvedArm } from "../experiment/resolved.ts"
import { writersOf } from "../experiment/text.ts"

/** The faults of one training of a head. */
const faultsOf = (
  { at, training }: PlacedTraining,
  { name, predicts, privateOptions }: Pick<HeadUse, "name" | "predicts" | "privateOptions">,
  { placed }: Pick<Resolved, "placed">,
) => {
  if (at.startsWith("the reference of "))
    return [`${at}: it would begin with head ${name}, which is no model; give the reference a start of its own`]
  const arm = placed.find((one) => one.at === at)?.arm
  const { reference } = arm ?? {}
  const follows = arm?.filterNeedsReference && (reference?.kind === "checkpoint" || reference?.kind === "average")
  const part = training.frozen ? "frozen" : training.adapters ? "adapters" : undefined
  const hasPart = part === "adapters" && training.adapters?.kind === "private" && privateOptions !== undefined
  const able = privateOptions === undefined ? "trained whole" : "trained whole, or by a private part"
  const frozen = (["target", "reference"] as const).filter((of) => arm && reads(of, arm.filter, arm.loss))
  return [
    ...(predicts === "classes" && frozen.length > 0
      ? [
          `${at}: head ${name} predicts classes of its own, and the ${frozen.join(" and the ")} has no distribution over ` +
            "them; take a filter and a loss of the draft alone, such as none and cross-entropy",
        ]
      : []),
    ...(follows
      ? [`${at}: a reference of kind ${reference?.kind} follows a model, and ${name} is a head; name another`]
      : []),
    ...(part && !hasPart ? [`${at}.${part}: head ${name} is ${able}; leave ${part} out`] : []),
    ...(arm?.examples && arm.examples.needs.statistics.length > 0
      ? [
          `${at}.examples: filter ${arm.examples.name} reads statistics of a model, and ${name} is a head; take one that reads none`,
        ]
      : []),
    ...(writersOf(training.text).has("start") || writersOf(training.text).has("draft")
      ? [`${at}.text: head ${name} writes no text; let the target write, or train on the task's`]
      : []),
  ]
}

/** Stored states where nothing is trained that could read them in the place of a pass of the target. */
const statesProblems = (resolved: Pick<Resolved, "target" | "draft" | "placed">): ReadonlyArray<string> =>
  trainingsOf(resolved).flatMap(({ at, training, from }) => {
    if (!("signals" in training) || (training as ResolvedArm).signals.states === undefined) return []
    const place = `${at}.signals.states`
    if (from.kind !== "head")
      return [`${place}: it trains a model, and only a head reads the target's states; leave it out`]
    const { name, reads } = from.head
    if (from.trunk !== undefined)
      return [`${place}: a copy of the target is trained with head ${name}, so its states change; leave it out`]
    return reads.includes("targetHidden") || reads.includes("targetLayers")
      ? []
      : [`${place}: head ${name} reads no states; leave it out`]
  })

/** The faults of an experiment whose drafts are heads, with their places. */
export const headProblems = (
  resolved: Pick<Resolved, "target" | "draft" | "placed" | "acceptance" | "measures" | "sweep">,
): ReadonlyArray<string> => {
  const heads = ownStarts(resolved).flatMap(({ at, start }) =>
    start.kind === "head" ? [{ at, name: start.head.name, predicts: start.head.predicts, trunk: start.trunk }] : [],
  )
  const stored = statesProblems(resolved)
  if (heads.length === 0) return stored
  const { acceptance, measures, sweep } = resolved
  const by = sweep?.by
  const readsModel = measures.filter(({ reads }) => reads.includes("model"))
  const own = heads.find(({ predicts }) => predicts === "classes")
  const compare = measures.filter(({ reads }) => reads.includes("rows") && reads.includes("targetRows"))
  return [
    ...stored,
    ...(own === undefined
      ? []
      : compare.map(
          (one) =>
            `measures: measure ${one.name} compares with the target's tokens, and ${own.at} predicts classes of its own; ` +
            "take accuracy",
        )),
    ...(acceptance
      ? heads.flatMap(({ at, name, predicts, trunk }) => [
          ...(predicts === "classes"
            ? [
                `${at}: head ${name} predicts classes of its own and proposes no tokens; list measures without "acceptance"`,
              ]
            : []),
          ...(trunk === undefined
            ? []
            : [
                `${at}.trunk: head ${name} would read a trained copy of the target, and proposes for the target itself; ` +
                  'leave trunk out, or list measures without "acceptance"',
              ]),
        ])
      : []),
    ...readsModel.map(
      ({ name }) => `measures: measure ${name} reads a model, and ${heads[0]!.at} is a head; take one that reads rows`,
    ),
    ...(by === "loss" || (typeof by === "object" && by.reads.includes("model"))
      ? [
          `sweep.by: it reads a model, and ${heads[0]!.at} is a head; search by a measure that reads rows, such as accuracy`,
        ]
      : []),
    ...trainingsOf(resolved).flatMap((training) =>
      training.from.kind === "head" ? faultsOf(training, training.from.head, resolved) : [],
    ),
  ]
}
