/** The tensor engine, opened once for a command. */
import { FileError } from "@winnow/files"
import { joinGroup, type Meeting, openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import { EngineClosed } from "./exit.ts"

const opened = <A>(open: () => Promise<A>) =>
  Effect.tryPromise({
    try: open,
    catch: (error) =>
      error instanceof FileError
        ? error
        : new EngineClosed({ message: error instanceof Error ? error.message : String(error) }),
  })

/**
 * Opens the engine. @error EngineClosed, with the engine's message, if it fails; FileError if memory or disk is
 * exhausted
 */
export const engine = opened(() => openEngine())

/** Opens the engine, TensorFlow's library only once it is needed. @error as of `engine` */
export const decodingEngine = opened(() => openEngine({ whenNeeded: true }))

/** Opens the engine as a member of a group. @error as of `engine`, and EngineClosed if another member does not come */
export const joined = (meeting: Meeting) => opened(() => joinGroup(meeting))
