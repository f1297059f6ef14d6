/** The places of an experiment that hold a start of their own. */
import type { Resolved, ResolvedArm } from "./resolved.ts"
import type { OwnStart } from "./start.ts"

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
  start.kind === "fresh" || start.kind === "folder" || start.kind === "layers"

const ofArm = (at: string, { start, reference }: ResolvedArm): ReadonlyArray<Place> => {
  const name = `the reference of ${at}`
  const compared = reference?.kind === "distilled" || reference?.kind === "trained" ? reference.start : reference
  const place = `${at}.reference${compared === reference ? "" : ".start"}`
  return [
    ...(isOwn(start) ? [{ at: `${at}.start`, name: at, start }] : []),
    ...(compared && isOwn(compared) ? [{ at: place, name, start: compared }] : []),
  ]
}

/** The starts of an experiment, each once: the target's and the drafts' first. */
export const ownStarts = ({
  target,
  draft,
  arms,
  capacity,
}: Pick<Resolved, "target" | "draft" | "arms" | "capacity">): ReadonlyArray<Place> => {
  const all: ReadonlyArray<Place> = [
    { at: "target", name: "target", start: target },
    { at: "draft.start", name: "draft", start: draft.start },
    ...arms.flatMap((arm) => ofArm(`arms.${arm.name}`, arm)),
    ...(capacity ? ofArm("capacity", capacity) : []),
  ]
  const seen = new Set<OwnStart>()
  return all.filter(({ start }) => !seen.has(start) && seen.add(start))
}
