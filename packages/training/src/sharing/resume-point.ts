/** The checkpoint from which a stage goes on: rank 0 finds it, and all processes of the stage read the same one. */
import { type InvalidInput, PeerLost } from "@winnow/core"
import { type Group, GroupBroken, longPatience } from "@winnow/tensor"
import { Effect } from "effect"
import { type Checkpoint, checkpointAt, newestCheckpoint } from "../checkpoint.ts"

/** Where rank 0 goes on. */
interface Point {
  readonly directory: string
  readonly identity: string
  /** Null: there is no checkpoint. */
  readonly step: number | null
}

/** Checkpoints of a run. */
interface Place {
  readonly directory: string
  readonly identity: string
}

/**
 * The newest sound checkpoint, of `from` where there is no own one; undefined if there is none.
 *
 * @param onDamage called for each damaged checkpoint that is removed
 * @error InvalidInput as `newestCheckpoint`; PeerLost if another process is lost
 */
export const resumePoint = (
  { from, ...own }: Place & { readonly from?: Place | undefined },
  onDamage: (text: string) => void,
  group: Group | undefined,
): Effect.Effect<Checkpoint | undefined, InvalidInput | PeerLost> =>
  Effect.gen(function* () {
    const newest = ({ directory, identity }: Place) => newestCheckpoint(directory, identity, onDamage)
    const found = { place: own, at: group?.rank ? undefined : yield* newest(own) }
    if (found.at === undefined && from !== undefined && !group?.rank) {
      found.place = from
      found.at = yield* newest(from)
    }
    if (group === undefined) return found.at
    const { directory, identity, step } = yield* Effect.try({
      try: () =>
        group.exchange({ ...found.place, step: found.at?.step ?? null } satisfies Point, longPatience)[0] as Point,
      catch: (error) => {
        if (!(error instanceof GroupBroken)) throw error
        return new PeerLost({ step: 0, message: `${error.message} before the first step; run the same command again` })
      },
    })
    if (group.rank === 0 || step === null) return found.at
    return yield* checkpointAt(directory, identity, step)
  })
