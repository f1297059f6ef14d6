/** The tensor engine, opened once for a command. */
import { FileError } from "@winnow/files"
import { type EngineOptions, openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import { EngineClosed } from "./exit.ts"

const opened = (options: EngineOptions) =>
  Effect.tryPromise({
    try: () => openEngine(options),
    catch: (error) =>
      error instanceof FileError
        ? error
        : new EngineClosed({ message: error instanceof Error ? error.message : String(error) }),
  })

/**
 * Opens the engine. @error EngineClosed, with the engine's message, if it fails; FileError if memory or disk is
 * exhausted
 */
export const engine = opened({})

/** Opens the engine, TensorFlow's library only once it is needed. @error as of `engine` */
export const decodingEngine = opened({ whenNeeded: true })
