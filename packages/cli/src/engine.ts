/** The tensor engine, opened once for a command. */
import { FileError } from "@winnow/files"
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import { EngineClosed } from "./exit.ts"

/** Opens the engine. @error EngineClosed, with what the engine says, when it cannot; FileError for want of memory or disk */
export const engine = Effect.tryPromise({
  try: () => openEngine(),
  catch: (error) =>
    error instanceof FileError
      ? error
      : new EngineClosed({ message: error instanceof Error ? error.message : String(error) }),
})
