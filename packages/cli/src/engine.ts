/** The tensor engine, opened once for a command. */
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import { EngineClosed } from "./exit.ts"

/** Opens the engine. @error EngineClosed, with what the engine says, when it cannot */
export const engine = Effect.tryPromise({
  try: () => openEngine(),
  catch: (error) => new EngineClosed({ message: error instanceof Error ? error.message : String(error) }),
})
