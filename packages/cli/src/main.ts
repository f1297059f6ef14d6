/** `winnow`: the command line as a process. It checks limits on memory before it loads anything large. */
import { writeSync } from "node:fs"
import { commandsNeed, limitProblem } from "@winnow/engine/memory"

if (import.meta.main) {
  const problem = limitProblem(commandsNeed)
  if (problem === undefined) await (await import("./start.ts")).start()
  else {
    writeSync(2, `error: memory: ${problem} [WN-203]\n`)
    process.exit(2)
  }
}
