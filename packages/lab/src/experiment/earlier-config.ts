/** Configs of published runs in the form of this version: settings that have moved since are put in their place. */
import { isNode, type Node } from "./registry.ts"

/** A target that was trained here had its training beside its model; one from a folder was called pretrained. */
const targetOf = ({ kind, model, seed, path, ...training }: Node): Node =>
  kind === "pretrained"
    ? { kind: "folder", path }
    : { kind: "fresh", model, ...(seed === undefined ? {} : { seed }), pretraining: training }

/** A reference on clean text had a task of its own beside its steps. */
const referenceOf = (reference: Node): Node => {
  if (reference["kind"] !== "clean-text") return reference
  const { kind: _, task, ...training } = reference
  return { kind: "trained", ...training, ...(task === undefined ? {} : { text: { kind: "task", task } }) }
}

/** An arm began with the drafts' start or with its reference, by a name; a placebo was a flag of the arm. */
const armOf = ({ from, shuffleReference, ...arm }: Node): Node => ({
  ...arm,
  ...(isNode(arm["reference"]) ? { reference: referenceOf(arm["reference"]) } : {}),
  ...(from === undefined ? {} : { start: { kind: from === "start" ? "draft" : from } }),
  ...(shuffleReference === true && isNode(arm["filter"])
    ? { filter: { name: "shuffled", options: { of: { kind: "filter", ...arm["filter"] } } } }
    : {}),
})

/** A search was one for learning rates. */
const sweepOf = ({ learningRates, ...sweep }: Node): Node => ({
  over: { "optimizer.learningRate": learningRates },
  by: "greedyAcceptance",
  ...sweep,
})

/** The drafts' start was their model and its training. */
const draftOf = (draft: Node): Node => (isNode(draft["model"]) ? { start: { kind: "fresh", ...draft } } : draft)

const each = (node: Node, of: (inner: Node) => Node): Node =>
  Object.fromEntries(Object.entries(node).map(([key, inner]) => [key, isNode(inner) ? of(inner) : inner]))

const isEarlierTarget = ({ kind }: Node): boolean => kind === "trained" || kind === "pretrained"

/** The settings that have moved, by their old name: the new name, and the value as it is now. */
const moved: Readonly<Record<string, (value: Node) => readonly [name: string, value: Node]>> = {
  target: (target) => ["target", isEarlierTarget(target) ? targetOf(target) : target],
  draft: (draft) => ["draft", draftOf(draft)],
  arms: (arms) => ["arms", each(arms, armOf)],
  capacity: (arm) => ["capacity", armOf(arm)],
  tuning: (tuning) => ["sweep", sweepOf(tuning)],
}

/**
 * The config of a run as this version writes it; one that has that form already stays as it is.
 *
 * @param config as its run.json holds it
 */
export const configInCurrentForm = (config: Node): Node =>
  Object.fromEntries(
    Object.entries(config).map(([key, value]) => {
      const move = Object.hasOwn(moved, key) ? moved[key] : undefined
      return move !== undefined && isNode(value) ? move(value) : [key, value]
    }),
  )
