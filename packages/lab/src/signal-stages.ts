/** The caches that an arm reads, as stages. */
import { headRowsOf, InvalidInput } from "@winnow/core"
import { signalProblems } from "@winnow/training"
import { Effect } from "effect"
import type { SettledArm } from "./experiment/resolved.ts"
import { signalUses } from "./experiment/signal-uses.ts"
import type { Stage } from "./stage.ts"
import { referenceSignalsOf, type SignalStages } from "./stages/arm.ts"
import type { Distilling } from "./stages/distilling.ts"
import type { SplitSize } from "./stages/signal-parts.ts"
import { referenceSignalsStage, targetSignalsStage } from "./stages/signals.ts"
import { statesFormOf, statesStage } from "./stages/states.ts"
import type { Sizes } from "./stages/training.ts"

/** Tokens of the training split and its mean length, where the store has its data. */
const splitSize = ({ length, trained, examples }: Sizes): SplitSize | undefined =>
  examples === undefined ? undefined : { seen: examples * (length - 1), trained: examples * trained, length }

/** A reference that predicts fewer ids than the draft, or whose cached losses are over other ids than the draft's. */
const vocabularyOfReference = (
  of: Distilling["architectures"] | undefined,
  { reference: form }: SettledArm["signals"],
): ReadonlyArray<string> => {
  if (of?.reference === undefined) return []
  const [ours, theirs] = [headRowsOf(of.draft), headRowsOf(of.reference)]
  if (ours === theirs || (theirs > ours && form === "live")) return []
  const remedy =
    theirs > ours ? "set signals.reference to live, or give both one vocabulary" : "give both one vocabulary"
  return [`the draft predicts ${ours} ids, its reference ${theirs}; ${remedy}`]
}

/** The caches that an arm reads. @error InvalidInput for a top k that the vocabulary does not have */
export const signalStages = (
  arm: SettledArm,
  reference: Stage | undefined,
  { data, target, architectures, sizes, seed, services, head }: Distilling,
): Effect.Effect<SignalStages, InvalidInput> =>
  Effect.gen(function* () {
    const uses = yield* signalUses(arm)
    const { headRows } = architectures.draft
    const sizesOf = { V: architectures.target.vocabularySize, headRows }
    const problems = new Set([
      ...uses.flatMap((use) => signalProblems(arm.signals, use, sizesOf)),
      ...vocabularyOfReference(reference && architectures, arm.signals),
    ])
    if (problems.size > 0) return yield* new InvalidInput({ what: `arm ${arm.name}`, problems: [...problems] })
    const size = splitSize(sizes)
    const { target: form, shards } = arm.signals
    const statesForm = yield* statesFormOf(arm.signals, head, uses, architectures.target)
    const ofTarget = { data, target, architecture: architectures.target, size, shards }
    const states = statesForm && statesStage(statesForm, ofTarget)
    const targetSignals = form === "live" ? undefined : targetSignalsStage(form, ofTarget)
    if (reference === undefined || arm.signals.reference !== "cached") return { target: targetSignals, states }
    const of = { reference: architectures.reference ?? architectures.draft, target: architectures.target }
    const more = { data, target, reference, targetSignals, architectures: of, size, shards, seed }
    return {
      target: targetSignals,
      states,
      reference: yield* referenceSignalsStage(referenceSignalsOf(arm, services), more),
    }
  })
