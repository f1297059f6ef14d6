/** The uses of frozen models' signals by an arm: its filter with its loss, and each loss of its text's parts. */
import type { FilterUse, InvalidInput, LossUse } from "@winnow/core"
import type { SignalUse } from "@winnow/training"
import { Effect } from "effect"
import { ownLossesOf, type ResolvedText } from "./text.ts"

/** The arm's own use first. The statistics of the filter are of the arm's loss alone. */
export const signalUses = (arm: {
  readonly filter: FilterUse<unknown>
  readonly loss: LossUse<unknown>
  readonly text?: ResolvedText | undefined
}): Effect.Effect<readonly [SignalUse, ...ReadonlyArray<SignalUse>], InvalidInput> =>
  Effect.gen(function* () {
    const own = yield* Effect.all({ filter: arm.filter.instance, loss: arm.loss.instance })
    const losses = yield* Effect.forEach(Object.values(ownLossesOf(arm.text)), (loss) => loss.instance)
    return [own, ...losses.map((loss) => ({ filter: { name: own.filter.name, needs: [] }, loss }))] as const
  })
