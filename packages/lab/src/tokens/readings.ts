/** The readings of one arm, from its opened models: of the target's own texts, and of the tokens of its probe. */
import { asDecoder, type Datasets, type Draft, type Encoder, isDraftHead } from "@winnow/core"
import { headProposer, modelProposer } from "@winnow/decoding"
import { driven, type Rollout } from "@winnow/generation"
import { Effect, type Scope } from "effect"
import type { StageError } from "../stage.ts"
import { decodingStep } from "../stages/rollouts.ts"
import { decodingOf } from "./decoded.ts"
import { type ArmReadings, type Decoding, packed, type Snapshot } from "./document.ts"
import { frozenReading, type MomentOf, snapshotAt } from "./moments.ts"
import { type Texts, textsOf } from "./texts.ts"

type SetReadings = ArmReadings["sets"][number]

/** A choice that a training recorded. */
export type Recorded = Pick<Snapshot, "step" | "kept" | "score">

/** An arm whose models can be opened. */
export interface OpenedArm extends MomentOf {
  readonly reference: Encoder | undefined
  /** True if the reference follows the draft. */
  readonly follows: boolean
  /** False of an arm whose filter has no choice among these texts. */
  readonly chooses: boolean
  /** The draft before the first step, or after the last; freed with the scope. */
  readonly draftAt: (moment: "first" | "last") => Effect.Effect<Draft, StageError, Scope.Scope>
}

/** Texts of a set. */
export interface SetTexts {
  readonly name: SetReadings["name"]
  readonly texts: ReadonlyArray<Rollout>
  /** Texts that complete the last batch, within which the filter decides. */
  readonly beyond: ReadonlyArray<Rollout>
  readonly recorded: ReadonlyArray<Recorded>
}

/** Recorded choices among computed ones, which have no choice of the steps between. */
const withRecorded = (
  computed: ReadonlyArray<Snapshot>,
  recorded: ReadonlyArray<Recorded>,
): ReadonlyArray<Snapshot> => {
  const nothing = { statistics: {}, draft: null, acceptance: null }
  const all = new Map<number, Snapshot>(computed.map((one) => [one.step, one]))
  for (const point of recorded) all.set(point.step, { ...nothing, ...all.get(point.step), ...point, note: null })
  return [...all.values()].toSorted((a, b) => a.step - b.step)
}

/** The reason why the filter's choice is not known; undefined where it can be computed. */
const unknownAt = ({ chooses, follows }: OpenedArm, moment: "first" | "last"): string | undefined => {
  if (!chooses) return "This arm trains on another task, or by another target, than these texts have."
  if (!follows || moment === "first") return undefined
  return "The reference follows the draft, and no run keeps it."
}

const snapshotsOf = (
  arm: OpenedArm,
  texts: Texts,
  beyond: ReadonlyArray<Rollout>,
): Effect.Effect<ReadonlyArray<Snapshot>, StageError, Datasets> =>
  Effect.forEach(["first", "last"] as const, (moment) =>
    Effect.gen(function* () {
      const draft = yield* arm.draftAt(moment)
      // Before the first step a reference that follows the draft is the draft.
      const reference = arm.follows && !isDraftHead(draft) ? draft : arm.reference
      const step = moment === "first" ? 0 : arm.arm.steps
      return yield* snapshotAt(texts, beyond, arm, { step, draft, reference, unknown: unknownAt(arm, moment) })
    }).pipe(Effect.scoped),
  )

/** The most tokens that all models of an arm can read. */
export const contextOf = (arm: OpenedArm): Effect.Effect<number, StageError> =>
  Effect.map(arm.draftAt("last"), (draft) => {
    const models = [arm.target, arm.reference, isDraftHead(draft) ? draft.target : draft]
    return Math.min(...models.map((model) => model?.architecture.maxLength ?? Number.POSITIVE_INFINITY))
  }).pipe(Effect.scoped)

/** The readings of an arm on a set of texts. */
export const readingsOn = (
  arm: OpenedArm,
  { name, texts: finished, beyond, recorded }: SetTexts,
): Effect.Effect<SetReadings, StageError, Datasets> =>
  Effect.gen(function* () {
    const { target, reference } = arm
    const { steps, batchSize } = arm.arm
    const texts = textsOf(finished)
    const snapshots = withRecorded(yield* snapshotsOf(arm, texts, beyond), recorded)
    const ofReference = yield* frozenReading(texts, "the reference's answers", reference)
    return {
      name,
      lengths: finished.map(({ tokens }) => tokens.length),
      prompts: finished.map(({ prompt }) => packed(Uint32Array.from(prompt))),
      tokens: packed(Uint32Array.from(finished.flatMap(({ tokens }) => [...tokens]))),
      target: yield* frozenReading(texts, "the target's answers", target),
      arm: { steps, batchSize, decoding: null, reference: ofReference?.nll ?? null, snapshots: [...snapshots] },
    }
  })

/** The verdicts of greedy decoding on the texts, with the trained draft. */
export const verdictsOn = (
  arm: OpenedArm,
  target: Encoder,
  { texts }: SetTexts,
  { gamma, maxNew, eosId }: { readonly gamma: number; readonly maxNew: number; readonly eosId: number },
): Effect.Effect<Decoding, StageError> =>
  Effect.flatMap(arm.draftAt("last"), (draft) =>
    decodingStep("decoding with the draft", (signal) => {
      const proposer = isDraftHead(draft) ? headProposer(draft) : modelProposer(asDecoder(draft, "the draft"))
      const options = { temperature: 0, maxNew, eosId, draftLength: gamma }
      return driven(decodingOf(asDecoder(target, "the target"), proposer, textsOf(texts), options), signal)
    }),
  ).pipe(Effect.scoped)
