/** Configs of published runs in the form of this version: settings that have moved since are put in their place. */
import { isNode, type Node } from "./registry.ts"

/** A target that was trained here had its training beside its model; one from a folder was called pretrained. */
const targetOf = ({ kind, model, seed, path, ...training }: Node): Node =>
  kind === "pretrained"
    ? { kind: "folder", path }
    : { kind: "fresh", model, ...(seed === undefined ? {} : { seed }), pretraining: training }

/** A reference on clean text had a task of its own beside its steps. */
const referenceOf = ({ kind, task, ...training }: Node): Node =>
  kind === "clean-text"
    ? { kind: "trained", ...training, ...(task === undefined ? {} : { text: { kind: "task", task } }) }
    : { kind, ...training }

/** An arm began with the drafts' start or with its reference, by a name; a placebo was a flag of the arm. */
const armOf = ({ from, reference, shuffleReference, ...arm }: Node): Node => ({
  ...arm,
  ...(isNode(reference) ? { reference: referenceOf(reference) } : {}),
  ...(from === undefined ? {} : { start: { kind: from === "start" ? "draft" : from } }),
  ...(shuffleReference === true && isNode(arm["filter"])
    ? { filter: { name: "shuffled", options: { of: { kind: "filter", ...arm["filter"] } } } }
    : {}),
})

const each = (node: Node, of: (inner: Node) => Node): Node =>
  Object.fromEntries(Object.entries(node).map(([key, inner]) => [key, isNode(inner) ? of(inner) : inner]))

/**
 * The config of a run as this version writes it; one that has that form already stays as it is.
 *
 * @param config as its run.json holds it
 */
export const configInCurrentForm = (config: Node): Node => {
  const { target, draft, arms, capacity, ...rest } = config
  const isEarlier = isNode(target) && (target["kind"] === "trained" || target["kind"] === "pretrained")
  if (!isEarlier) return config
  return {
    ...rest,
    target: targetOf(target),
    draft: isNode(draft) ? { start: { kind: "fresh", ...draft } } : draft,
    arms: isNode(arms) ? each(arms, armOf) : arms,
    ...(isNode(capacity) ? { capacity: armOf(capacity) } : {}),
  }
}
