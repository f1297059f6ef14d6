/** The places of an experiment that hold a start of their own, and its trainings. */
import type { PlacedArm, Resolved, ResolvedArm, ResolvedReference } from "./resolved.ts"
import type { OwnStart, ResolvedStart } from "./start.ts"
import type { Training } from "./training-spec.ts"

/** The parts of an experiment that hold models and trainings. */
export type Trainings = Pick<Resolved, "target" | "draft" | "placed">

/** A start and where it stands. */
export interface Place {
  /** Path in the experiment, as `--set` has it: "target", "draft.start", "arms.all.start". */
  readonly at: string
  /** The model in messages: "target", "draft", "arms.all", "the reference of arms.all". */
  readonly name: string
  readonly start: OwnStart
}

/** True of a model that comes from no other training of the run. */
export const isOwn = (start: { readonly kind: string }): start is OwnStart =>
  ["fresh", "folder", "layers", "resized", "tuned", "head"].includes(start.kind)

/** The arms that an arm may begin with: one, several of which the best is meant, or none. */
export const armsBefore = ({ start }: Pick<ResolvedArm, "start">): ReadonlyArray<string> =>
  start.kind === "arm" ? (start.among ?? [start.arm]) : []

/** True of a reference that a stage of its own trains. */
const isTrained = (
  reference: ResolvedReference | undefined,
): reference is Extract<ResolvedReference, { readonly kind: "distilled" | "trained" }> =>
  reference?.kind === "distilled" || reference?.kind === "trained"

const ofArm = ({ at, arm: { start, reference, target } }: PlacedArm): ReadonlyArray<Place> => {
  const name = `the reference of ${at}`
  const compared = isTrained(reference) || reference?.kind === "earlier" ? reference.start : reference
  const place = `${at}.reference${compared === reference ? "" : ".start"}`
  return [
    ...(isOwn(start) ? [{ at: `${at}.start`, name: at, start }] : []),
    ...(compared && isOwn(compared) ? [{ at: place, name, start: compared }] : []),
    ...(target ? [{ at: `${at}.target`, name: `the target of ${at}`, start: target }] : []),
  ]
}

/** The model that a tuned one begins with. */
const beforeTuning = ({ at, name, start }: Place): ReadonlyArray<Place> =>
  start.kind === "tuned" ? [{ at: `${at}.of`, name: `${name} before its tuning`, start: start.of }] : []

/** The candidates for the drafts' start, under names of their own: one of them is the drafts' start too. */
const candidatesOf = ({ scored }: Trainings["draft"]): ReadonlyArray<Place> =>
  Object.entries(scored?.among ?? {}).map(([name, start]) => ({
    at: `draft.start.among.${name}`,
    name: `the draft's candidate ${name}`,
    start,
  }))

/**
 * The starts of an experiment, each once: the target's and the drafts' first, then the others, then those before a tuning,
 * then the candidates of the drafts' start.
 */
export const ownStarts = ({ target, draft, placed }: Trainings): ReadonlyArray<Place> => {
  const named: ReadonlyArray<Place> = [
    { at: "target", name: "target", start: target },
    { at: "draft.start", name: "draft", start: draft.start },
    ...placed.flatMap(ofArm),
  ]
  const seen = new Set<OwnStart>()
  const candidates = candidatesOf(draft)
  return [
    ...[...named, ...named.flatMap(beforeTuning)].filter(({ start }) => !seen.has(start) && seen.add(start)),
    ...candidates,
    ...candidates.flatMap(beforeTuning),
  ]
}

/** A training and where it stands. */
export interface PlacedTraining {
  /** "target.pretraining", "arms.all", "the reference of arms.all". */
  readonly at: string
  readonly training: Omit<Training, "steps"> & Pick<ResolvedArm, "steps">
  readonly start: ResolvedStart
  /** The model that the start comes from in the end, by its own start: it has the shape of this one. */
  readonly from: OwnStart
  /** True if the model has the other attention than that of `from`. */
  readonly turned: boolean
}

/** A model by its own start, and if it has the other attention. */
type Root = Pick<PlacedTraining, "from" | "turned">

/** Every training of an experiment: of starts, of arms and of their references. */
export const trainingsOf = (resolved: Trainings): ReadonlyArray<PlacedTraining> => {
  const { draft, placed } = resolved
  const fromOf = (start: ResolvedStart, { reference }: Partial<Pick<ResolvedArm, "reference">>): Root => {
    if (isOwn(start)) return { from: start, turned: false }
    const before = (): Root => {
      if (start.kind === "reference" && reference)
        return fromOf(isOwn(reference) ? reference : (isTrained(reference) && reference.start) || draft.start, {})
      const arm = start.kind === "arm" ? placed.find(({ at }) => at === `arms.${start.arm}`)?.arm : undefined
      return arm === undefined ? { from: draft.start, turned: false } : fromOf(arm.start, arm)
    }
    const { from, turned } = before()
    return { from, turned: turned !== (start.turned ?? false) }
  }
  const ofStarts = ownStarts(resolved).flatMap(({ at, start }) =>
    // The candidates have the pretraining of a start that is chosen among them.
    start.pretraining && (at !== "draft.start" || draft.scored === undefined)
      ? [{ at: `${at}.pretraining`, training: start.pretraining, start, from: start, turned: start.turned ?? false }]
      : [],
  )
  const ofArms = placed.flatMap(({ at, arm }) => {
    const { reference } = arm
    const start = (isTrained(reference) && reference.start) || { kind: "draft" as const }
    return [
      { at, training: arm, start: arm.start, ...fromOf(arm.start, arm) },
      ...(isTrained(reference)
        ? [{ at: `the reference of ${at}`, training: reference, start, ...fromOf(start, {}) }]
        : []),
    ]
  })
  return [...ofStarts, ...ofArms]
}
