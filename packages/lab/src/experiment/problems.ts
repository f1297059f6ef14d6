/** Faults of an experiment in what its models begin with and read, before any work. */
import { armsBefore, isOwn, type PlacedTraining, type Trainings, trainingsOf } from "./places.ts"
import type { ResolvedArm } from "./resolved.ts"
import { describeStart, type ResolvedStart } from "./start.ts"
import { ownLossesOf, writersOf } from "./text.ts"

/** The fault of a training whose model writes between its steps. */
const ownTextProblem = (training: PlacedTraining["training"]): string | undefined => {
  if (!("signals" in training)) return "only a draft that is distilled writes between its steps; let its start write"
  // the field of distillations alone
  const { target, reference } = training.signals as ResolvedArm["signals"]
  if (target === "live" && reference !== "cached") return undefined
  const what = target === "live" ? "signals.reference is cached" : `signals.target is ${target}`
  return `the draft writes it between steps, and ${what}: a cache has the text that stood before; take live signals`
}

/** True of a training of a target, or of the model that a target begins with. */
const isOfTarget = (at: string): boolean => /(^|\.)target(\.of)?\.pretraining$/.test(at)

/** Finds a text that has no usable writer: its writer would be untrained when it writes, or no stage trains it. */
export const textProblem = (resolved: Trainings): { readonly at: string; readonly problem: string } | undefined => {
  const untrained = "a fresh model has nothing to write before it is trained"
  const isFresh = (start: ResolvedStart) => start.kind === "fresh" && start.pretraining === undefined
  const { draft } = resolved
  const drafts = draft.scored ? Object.values(draft.scored.among) : [draft.start]
  for (const { at, training, start } of trainingsOf(resolved)) {
    const writers = writersOf(training.text)
    const pretrains = isOwn(start) && training === start.pretraining
    if (writers.has("draft")) {
      const own = ownTextProblem(training)
      if (own !== undefined) return { at, problem: own }
    }
    const [withLoss] = Object.keys(ownLossesOf(training.text))
    if (withLoss !== undefined && !("signals" in training))
      return {
        at,
        problem: `its part ${withLoss} has a loss of its own, and a pretraining has none to replace; leave it out`,
      }
    if (isOfTarget(at) && writers.has("target"))
      return {
        at,
        problem: "the target would read in its own training what it writes after it; let it read the task's",
      }
    const target = resolved.placed.find((one) => one.at === at || `the reference of ${one.at}` === at)?.arm.target
    if (writers.has("target") && isFresh(target ?? resolved.target))
      return { at, problem: `${untrained}, and the target has no pretraining; give it one` }
    if (!writers.has("start")) continue
    if (pretrains && start.kind === "fresh") return { at, problem: `${untrained}; let the target write` }
    if (!pretrains && (start.kind === "draft" ? drafts.some(isFresh) : isFresh(start)))
      return { at, problem: `${untrained}; give its start a pretraining, or let the target write` }
  }
  return undefined
}

/** Finds an earlier checkpoint that its start never had. */
export const earlierProblem = ({
  draft,
  placed,
}: Pick<Trainings, "draft" | "placed">): { readonly at: string; readonly problem: string } | undefined => {
  for (const { at, arm } of placed) {
    if (arm.reference?.kind !== "earlier") continue
    const { step, start = draft.start } = arm.reference
    const { pretraining } = start
    if (pretraining === undefined)
      return {
        at,
        problem: `is an earlier checkpoint of ${describeStart(start)}, which has no pretraining; give it one`,
      }
    if (step > pretraining.steps)
      return {
        at,
        problem: `is of step ${step}, and the pretraining of its start has ${pretraining.steps}; name one of them`,
      }
  }
  return undefined
}

/** Finds an arm whose start is an arm outside the selection, an arm without a number of steps, or part of a circle. */
export const startProblem = (
  arms: ReadonlyArray<ResolvedArm>,
): { readonly arm: string; readonly problem: string } | undefined => {
  const byName = new Map(arms.map((arm) => [arm.name, arm]))
  /** True if an arm begins with that one in the end, by any of the arms that it may begin with. */
  const reaches = (from: ResolvedArm, to: ResolvedArm, seen = new Set<ResolvedArm>()): boolean => {
    if (from === to) return true
    if (seen.has(from)) return false
    seen.add(from)
    return armsBefore(from).some((name) => byName.has(name) && reaches(byName.get(name)!, to, seen))
  }
  for (const arm of arms)
    for (const name of armsBefore(arm)) {
      const from = byName.get(name)
      const able = arms.flatMap((a) => (typeof a.steps === "number" && a !== arm ? [a.name] : [])).join(", ")
      const fail = (why: string) => ({
        arm: arm.name,
        problem: `it begins with arm '${name}', which ${why}; name one of ${able || "those with a number of steps"}`,
      })
      if (from === undefined) return fail("is not one of the arms that are run")
      if (typeof from.steps !== "number") return fail("has no number of steps itself")
      if (reaches(from, arm)) return fail("begins with this one in the end")
    }
  return undefined
}

/** Finds a part of the experiment that needs to know the drafts' start before scores choose it. */
export const scoredProblem = (
  { scored }: Trainings["draft"],
  arms: Readonly<Record<string, unknown>>,
  placed: Trainings["placed"],
): { readonly at: string; readonly problem: string } | undefined => {
  if (scored === undefined) return undefined
  const why =
    "and scores choose the drafts' start among candidates of which each may be another model; name the model itself"
  const untrained = Object.entries(arms).find(([, arm]) => startKind(arm) === "untrained")
  if (untrained) return { at: `arms.${untrained[0]}.start`, problem: `it is the drafts' start untrained, ${why}` }
  const early = placed.find(({ arm: { reference } }) => reference?.kind === "earlier" && reference.start === undefined)
  return early && { at: `${early.at}.reference`, problem: `it is an earlier checkpoint of the drafts' start, ${why}` }
}

const startKind = (arm: unknown): unknown => (arm as { readonly start?: { readonly kind?: unknown } }).start?.kind
