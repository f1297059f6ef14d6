/** `winnow`: the command line as a process. It checks limits on memory before it loads anything large. */
import { writeSync } from "node:fs"
import { missingPackage } from "./missing-package.ts"

const ended = (message: string): never => {
  writeSync(2, `error: ${message}\n`)
  process.exit(2)
}

if (import.meta.main)
  try {
    const { commandsNeed, limitProblem } = await import("@winnow/engine/memory")
    const problem = limitProblem(commandsNeed)
    if (problem !== undefined) ended(`memory: ${problem} [WN-203]`)
    await (await import("./start.ts")).start()
  } catch (error) {
    const name = missingPackage(error)
    if (name === undefined) throw error
    ended(
      `${name} is not installed; run \`bun install\` in the checkout, also after a pull that adds packages [WN-204]`,
    )
  }
