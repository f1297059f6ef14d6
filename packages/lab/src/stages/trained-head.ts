/** The part of a head that a stage trains: all of it, or a private part beside the head that it begins with. */
import { join } from "node:path"
import { type DataError, type DraftHead, type HeadUse, InvalidInput } from "@winnow/core"
import { saveHead, savePrivateHead, withPrivateHead } from "@winnow/models"
import { Effect, type Scope } from "effect"
import { plain } from "../experiment/plain-json.ts"
import { type PartSettings, partFolder } from "./trained-model.ts"

/**
 * The head with its options after a training: a private part adds to them.
 *
 * @error InvalidInput for settings that train no part of a head
 */
export const headAfter = (
  head: HeadUse | undefined,
  { adapters, frozen }: PartSettings,
): Effect.Effect<HeadUse | undefined, InvalidInput> =>
  Effect.gen(function* () {
    if (head === undefined || (adapters === undefined && frozen === undefined)) return head
    if (adapters?.kind !== "private" || head.privateOptions === undefined) {
      const problems = ["is trained whole, or by a private part where it has a place for one"]
      return yield* new InvalidInput({ what: `head ${head.name}`, problems })
    }
    const { size, gate } = adapters
    return head.withOptions(yield* head.privateOptions({ size, gate }))
  })

/** The head with the part to train: itself, or with a private part that is freed with the scope. */
export const trainedHead = (
  opened: DraftHead,
  after: HeadUse,
  { adapters }: PartSettings,
  seed: number,
): Effect.Effect<DraftHead, InvalidInput, Scope.Scope> =>
  Effect.gen(function* () {
    if (adapters === undefined) return opened
    const instance = yield* after.instance
    return yield* Effect.acquireRelease(
      Effect.try({
        try: () => withPrivateHead(opened, instance, seed),
        catch: (cause) => {
          if (cause instanceof InvalidInput) return cause
          throw cause
        },
      }),
      ({ release }) => Effect.sync(release),
    )
  })

/** Saves a trained head whole, and its private part alone in a separate folder. */
export const saveTrainedHead = (
  head: DraftHead,
  after: HeadUse,
  { adapters }: PartSettings,
  directory: string,
): Effect.Effect<void, DataError | InvalidInput> =>
  Effect.gen(function* () {
    const { options } = yield* plain(after)
    if (adapters) yield* savePrivateHead(head, options, join(directory, partFolder))
    yield* saveHead(head, options, directory)
  })
