/** The start of the command line, after the checks of memory. */
import { Command } from "effect/cli"
import { withExitCodes } from "./exit.ts"
import { runMain } from "./platform.ts"
import { winnow } from "./winnow.ts"

/** Runs the command that the process's arguments name. */
export const start = (): void => winnow.pipe(Command.run({ version: "0.1.0" }), withExitCodes, runMain)
