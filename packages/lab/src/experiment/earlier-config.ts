/**
 * Converts configs of published runs to the form of this version: settings that have moved are put in their new place.
 */
import { isNode, type Node } from "./registry.ts"

/**
 * Earlier, a target that was trained here had its training beside its model, and a target from a folder was called
 * pretrained.
 */
const targetOf = ({ kind, model, seed, path, ...training }: Node): Node =>
  kind === "pretrained"
    ? { kind: "folder", path }
    : { kind: "fresh", model, ...(seed === undefined ? {} : { seed }), pretraining: training }

/** Earlier, a reference on clean text had a separate task beside its steps. */
const referenceOf = (reference: Node): Node => {
  if (reference["kind"] !== "clean-text") return reference
  const { kind: _, task, ...training } = reference
  return { kind: "trained", ...training, ...(task === undefined ? {} : { text: { kind: "task", task } }) }
}

/**
 * Earlier, an arm began with the drafts' start or with its reference, by a name, and a placebo was a flag of the arm.
 */
const armOf = ({ from, shuffleReference, ...arm }: Node): Node => ({
  ...arm,
  ...(isNode(arm["reference"]) ? { reference: referenceOf(arm["reference"]) } : {}),
  ...(from === undefined ? {} : { start: { kind: from === "start" ? "draft" : from } }),
  ...(shuffleReference === true && isNode(arm["filter"])
    ? { filter: { name: "shuffled", options: { of: { kind: "filter", ...arm["filter"] } } } }
    : {}),
})

/** Earlier, a search covered learning rates only. */
const sweepOf = ({ learningRates, ...sweep }: Node): Node => ({
  over: { "optimizer.learningRate": learningRates },
  by: "greedyAcceptance",
  ...sweep,
})

/** Earlier, the drafts' start was their model and its training. */
const draftOf = (draft: Node): Node => (isNode(draft["model"]) ? { start: { kind: "fresh", ...draft } } : draft)

const each = (node: Node, of: (inner: Node) => Node): Node =>
  Object.fromEntries(Object.entries(node).map(([key, inner]) => [key, isNode(inner) ? of(inner) : inner]))

const isEarlierTarget = ({ kind }: Node): boolean => kind === "trained" || kind === "pretrained"

/** The settings that have moved, by their old name: the new name, and the value in the present form. */
const moved: Readonly<Record<string, (value: Node) => readonly [name: string, value: Node]>> = {
  target: (target) => ["target", isEarlierTarget(target) ? targetOf(target) : target],
  draft: (draft) => ["draft", draftOf(draft)],
  arms: (arms) => ["arms", each(arms, armOf)],
  capacity: (arm) => ["capacity", armOf(arm)],
  tuning: (tuning) => ["sweep", sweepOf(tuning)],
}

/**
 * The config of a run in the form of this version; a config of this form stays unchanged.
 *
 * @param config from the run's run.json
 */
export const configInCurrentForm = (config: Node): Node =>
  Object.fromEntries(
    Object.entries(config).map(([key, value]) => {
      const move = Object.hasOwn(moved, key) ? moved[key] : undefined
      return move !== undefined && isNode(value) ? move(value) : [key, value]
    }),
  )
