/** The tensor engine, opened once for a command. */
import { FileError } from "@winnow/files"
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import { EngineClosed } from "./exit.ts"

/**
 * Opens the engine. @error EngineClosed, with the engine's message, if it fails; FileError if memory or disk is
 * exhausted
 */
export const engine = Effect.tryPromise({
  try: () => openEngine(),
  catch: (error) =>
    error instanceof FileError
      ? error
      : new EngineClosed({ message: error instanceof Error ? error.message : String(error) }),
})
