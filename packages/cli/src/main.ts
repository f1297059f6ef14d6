/** `winnow`: the command line as a process. */
import { Command } from "effect/cli"
import { withExitCodes } from "./exit.ts"
import { runMain } from "./platform.ts"
import { winnow } from "./winnow.ts"

if (import.meta.main) winnow.pipe(Command.run({ version: "0.1.0" }), withExitCodes, runMain)
