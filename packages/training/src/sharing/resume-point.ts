/** The checkpoint from which a stage goes on: rank 0 finds it, and all processes of the stage read the same one. */
import { type InvalidInput, PeerLost } from "@winnow/core"
import { type Group, GroupBroken } from "@winnow/tensor"
import { Effect } from "effect"
import { type Checkpoint, checkpointAt, newestCheckpoint } from "../checkpoint.ts"

/** Where rank 0 goes on. */
interface Point {
  readonly directory: string
  /** Null: there is no checkpoint. */
  readonly step: number | null
}

/**
 * The newest sound checkpoint; undefined if there is none.
 *
 * @param onDamage called for each damaged checkpoint that is removed
 * @error InvalidInput as `newestCheckpoint`; PeerLost if another process is lost
 */
export const resumePoint = (
  { directory, identity }: { readonly directory: string; readonly identity: string },
  onDamage: (text: string) => void,
  group: Group | undefined,
): Effect.Effect<Checkpoint | undefined, InvalidInput | PeerLost> =>
  Effect.gen(function* () {
    const own = group?.rank ? undefined : yield* newestCheckpoint(directory, identity, onDamage)
    if (group === undefined) return own
    const { directory: theirs, step } = yield* Effect.try({
      try: () => group.exchange({ directory, step: own?.step ?? null } satisfies Point)[0] as Point,
      catch: (error) => {
        if (!(error instanceof GroupBroken)) throw error
        return new PeerLost({ step: 0, message: `${error.message} before the first step; run the same command again` })
      },
    })
    if (group.rank === 0 || step === null) return own
    return yield* checkpointAt(theirs, identity, step)
  })
