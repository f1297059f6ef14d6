/**
 * The cost of stages, counted in one place: forward passes of frozen models, and trainings.
 *
 * A multiplication and its addition are 2 FLOPs; a backward pass is twice its forward. Only matrix products count, as
 * usual: norms, softmaxes and the optimizer are left out. The backward pass is counted through all layers, also those below the
 * lowest one that is trained. Letters: d hidden size, V vocabulary, T context length.
 */
import {
  type Architecture,
  type Attends,
  type HeadArchitecture,
  headRowsOf,
  modelsRead,
  readsModel,
  type Statistic,
  type TextFlops,
} from "@winnow/core"
import { frozenTrunkSize, isPrivate, type TrainedPart } from "@winnow/models"
import type { SignalsOptions } from "@winnow/training"
import type { Training } from "./experiment/training-spec.ts"

/** Tokens of a stage. */
export interface TokenCounts {
  /** Tokens that pass through the trunks: prompts and answers, without padding. */
  readonly seen: number
  /** Tokens that the mask counts: answers. A head of several entries has them once for each. */
  readonly valid: number
  /** Tokens with a weight above 0 in the loss. */
  readonly trained: number
}

/** The forward and backward passes that ran for each token. */
export interface Passes {
  /** Of a head that of the target, whose hidden states it reads. */
  readonly draft: Architecture<Attends>
  /** The head that is trained on the target's hidden states in the place of a model. */
  readonly head?: HeadArchitecture | undefined
  /** True if a copy of the target is trained with the head. */
  readonly movesTrunk?: boolean | undefined
  /** The part of the draft that is trained; all of it if left out. */
  readonly part?: TrainedPart | undefined
  readonly target?: Architecture<Attends> | undefined
  readonly reference?: Architecture<Attends> | undefined
  /** The statistics that the filter reads. */
  readonly needs: ReadonlyArray<Statistic>
  readonly lossNeedsTarget: boolean
  /**
   * True if the loss (TVD++) reads all rows once more before each pass that computes it: the kept rows, or all rows for
   * a filter.
   */
  readonly lossReadsBatch: boolean
  /** Cached signals are not computed; live if left out. The cost of a cache is counted with the cache. */
  readonly signals?: SignalsOptions
  /** Mean context length. */
  readonly T: number
}

const head = (a: Architecture<Attends>): number => 2 * a.hiddenSize * headRowsOf(a)

const sizeOf = ({ shape }: { readonly shape: ReadonlyArray<number> }): number => shape.reduce((a, b) => a * b, 1)

/** Numbers of a head, or of its parameters with such names. */
export const headParameters = ({ parameters }: HeadArchitecture, isCounted = (_: string) => true): number =>
  [...parameters].reduce((sum, [name, of]) => sum + (isCounted(name) ? sizeOf(of) : 0), 0)

/** True of a vocabulary head of a head's own. */
const isVocabularyOf =
  (target: Architecture<Attends>) =>
  ({ shape: [V, d] }: { readonly shape: ReadonlyArray<number> }): boolean =>
    V === target.vocabularySize && d === target.hiddenSize

/** FLOPs of a head's forward pass for one token, at the rows of all entries, without vocabulary heads. */
export const headTokenFlops = (
  { parameters, trunkFlops }: HeadArchitecture,
  target: Architecture<Attends>,
  T: number,
): number => {
  if (trunkFlops !== undefined) return trunkFlops(T)
  const matrices = parameters.values().filter(({ shape }) => shape.length === 2)
  return matrices.filter((of) => !isVocabularyOf(target)(of)).reduce((sum, of) => sum + 2 * sizeOf(of), 0)
}

/**
 * FLOPs of a head on a target: its layers on all tokens, or its matrices on the valid rows of its entries, each entry with a
 * part of them; vocabulary heads on the trained rows. A head with classes of its own has them among its matrices.
 *
 * @param tokens valid and trained ones count once for each entry
 */
const headFlops = (
  { seen, valid, trained }: TokenCounts,
  of: HeadArchitecture,
  target: Architecture<Attends>,
  T: number,
) => {
  const { parameters, classes, entries = 1, trunkFlops } = of
  const tokens = trunkFlops === undefined ? valid / entries : seen
  const ofVocabulary = (parameters.values().some(isVocabularyOf(target)) ? 3 : 2) * trained * head(target)
  return 3 * tokens * headTokenFlops(of, target, T) + (classes === undefined ? ofVocabulary : 0)
}

/**
 * FLOPs of the gradients of a head's own matrices that a private part leaves frozen: `headFlops` counts them. A matrix of a
 * head that runs over all positions is used once in each entry.
 */
const frozenHeadFlops = (
  { seen, valid, trained }: TokenCounts,
  { parameters, entries = 1, trunkFlops }: HeadArchitecture,
  target: Architecture<Attends>,
) => {
  const runs = trunkFlops === undefined ? valid / entries : seen * entries
  const frozen = [...parameters].flatMap(([name, of]) => (of.shape.length === 2 && !isPrivate(name) ? [of] : []))
  const isVocabulary = isVocabularyOf(target)
  return frozen.reduce((sum, of) => sum + (isVocabulary(of) ? trained * head(target) : 2 * runs * sizeOf(of)), 0)
}

/**
 * FLOPs of a forward pass.
 *
 * @param tokens that go through the trunk and through the head, and their mean context length
 */
export const forwardFlops = (
  of: Architecture<Attends>,
  tokens: { readonly trunk: number; readonly head: number; readonly length: number },
): number => tokens.trunk * of.trunkFlops(tokens.length) + tokens.head * head(of)

/**
 * FLOPs of services that filters and losses ask about whole texts, such as a judge: each text counts once.
 *
 * @param texts different texts of the stage: those of a pass, or fewer, and all that the draft wrote
 */
export const serviceFlops = (services: ReadonlyArray<TextFlops>, texts: number, length: number): number =>
  services.reduce((sum, of) => sum + texts * of(length), 0)

/**
 * Different texts among the sequences of a training.
 *
 * @param written share of the sequences that the draft writes anew: each is another text
 */
export const textsOf = (sequences: number, examples: number, written: number): number =>
  Math.min((1 - written) * sequences, examples) + written * sequences

/** FLOPs of writing: the trunk reads each token of prompt and text, the head runs once for each written token. */
export const writingFlops = (of: Architecture<Attends>, read: number, written: number, length: number): number =>
  forwardFlops(of, { trunk: read + written, head: written, length })

/**
 * FLOPs of adapters: B A for each matrix once a step, and two products that pull its gradient back in each micro-batch.
 * Letters: e outputs and d inputs of a matrix, r rank.
 */
const adapterFlops = (
  { places }: TrainedPart,
  { adapters, steps, microBatches }: Pick<Training, "adapters" | "steps" | "microBatches">,
): number =>
  adapters?.kind !== "lora"
    ? 0
    : places.reduce((sum, { e, d }) => sum + 2 * e * d * adapters.rank * steps * (1 + 2 * microBatches), 0)

/** FLOPs of a training stage, its adapters included; a private part counts in the draft's trunk, or in the head. */
export const trainingFlops = (
  tokens: TokenCounts,
  passes: Passes & { readonly part: TrainedPart | undefined },
  training: Pick<Training, "adapters" | "steps" | "microBatches">,
): number => {
  const { part, head: ofTarget, draft } = passes
  if (ofTarget !== undefined && training.adapters !== undefined)
    return passFlops(tokens, passes) - frozenHeadFlops(tokens, ofTarget, draft)
  return passFlops(tokens, passes) + (part ? adapterFlops(part, training) : 0)
}

/**
 * FLOPs of the passes of all steps. The draft runs forward and backward on all tokens, and its head on kept ones. Frozen models run
 * forward where they are read.
 */
export const passFlops = (tokens: TokenCounts, passes: Passes): number => {
  const { draft, part, head: ofTarget, target: frozen, reference: compared, needs: all } = passes
  const { lossNeedsTarget, lossReadsBatch, signals, T } = passes
  // Frozen heads run for the draft's ids alone.
  const head = ({ hiddenSize }: Architecture<Attends>): number => 2 * hiddenSize * headRowsOf(draft)
  const form = signals?.target ?? "live"
  const cached = signals?.reference === "cached"
  const reference = cached ? undefined : compared
  const needs = cached ? all.filter((s) => !readsModel(s, "reference")) : all
  // Only `live` and `hidden` leave the head's product to the step.
  const target = form === "live" || form === "hidden" ? frozen : undefined
  const reads = modelsRead(needs, { target: lossNeedsTarget })
  // A frozen matrix has no gradient of its own. Gradients by its inputs are computed as long as a part of the trunk is
  // trained.
  const movesPart = part === undefined || part.moved.values().some((name) => name !== draft.head)
  const movesTrunk = ofTarget === undefined ? movesPart : passes.movesTrunk === true
  const movesHead = part === undefined || part.moved.has(draft.head)
  // A head has the target's hidden states computed once, whatever else reads them, or reads them from a cache.
  const isStored = ofTarget !== undefined && signals?.states !== undefined
  let flops = isStored ? 0 : (movesTrunk ? 3 : 1) * tokens.seen * draft.trunkFlops(T)
  flops += ofTarget ? headFlops(tokens, ofTarget, draft, T) : (movesHead ? 3 : 2) * tokens.trained * head(draft)
  if (movesTrunk && part !== undefined) flops -= 2 * tokens.seen * frozenTrunkSize(draft, part)
  if (reads.has("draft")) flops += tokens.valid * head(draft)
  if (target !== undefined) {
    const inStatistics = reads.has("target")
    if ((inStatistics || lossNeedsTarget) && form === "live" && ofTarget === undefined)
      flops += tokens.seen * target.trunkFlops(T)
    if (inStatistics) flops += tokens.valid * head(target)
    if (lossNeedsTarget) flops += tokens.trained * head(target)
  }
  // An excess compares two losses, and each needs the batch statistics of its own rows: one more pass over all valid
  // rows.
  const ofBatch = tokens.valid * (target !== undefined && lossNeedsTarget ? head(target) : 0)
  if (lossReadsBatch && needs.includes("draftLoss_N")) flops += tokens.valid * head(draft) + ofBatch
  if (lossReadsBatch && needs.includes("referenceLoss_N") && reference !== undefined)
    flops += tokens.valid * head(reference) + ofBatch
  if (lossReadsBatch)
    flops += tokens.trained * (head(draft) + (target !== undefined && lossNeedsTarget ? head(target) : 0))
  if (reference !== undefined && reads.has("reference"))
    flops += tokens.seen * reference.trunkFlops(T) + tokens.valid * head(reference)
  return flops
}
