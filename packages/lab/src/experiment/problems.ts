/** Faults of an experiment in what its models begin with and read, before any work. */
import { isOwn, type PlacedTraining, type Trainings, trainingsOf } from "./places.ts"
import type { ResolvedArm } from "./resolved.ts"
import { describeStart, type ResolvedStart } from "./start.ts"
import { writersOf } from "./text.ts"

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
  for (const { at, training, start } of trainingsOf(resolved)) {
    const writers = writersOf(training.text)
    const pretrains = isOwn(start) && training === start.pretraining
    if (writers.has("draft")) {
      const own = ownTextProblem(training)
      if (own !== undefined) return { at, problem: own }
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
    if (!pretrains && isFresh(start.kind === "draft" ? resolved.draft.start : start))
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
  const before = ({ start }: ResolvedArm) =>
    start.kind === "arm" ? arms.find(({ name }) => name === start.arm) : undefined
  for (const arm of arms) {
    if (arm.start.kind !== "arm") continue
    const from = before(arm)
    const able = arms.flatMap((a) => (typeof a.steps === "number" && a !== arm ? [a.name] : [])).join(", ")
    const fail = (why: string) => ({
      arm: arm.name,
      problem: `it begins with arm '${(arm.start as { arm: string }).arm}', which ${why}; name one of ${able || "those with a number of steps"}`,
    })
    if (from === undefined) return fail("is not one of the arms that are run")
    if (typeof from.steps !== "number") return fail("has no number of steps itself")
    const seen = new Set([arm])
    for (let next: ResolvedArm | undefined = from; next !== undefined; next = before(next)) {
      if (seen.has(next)) return fail("begins with this one in the end")
      seen.add(next)
    }
  }
  return undefined
}
