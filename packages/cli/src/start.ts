/** The start of the command line, after the checks of memory. */
import "@winnow/core/arktype-setup"
import { Effect } from "effect"
import { CliOutput, Command } from "effect/cli"
import { withExitCodes } from "./exit.ts"
import { runMain } from "./platform.ts"
import { usagePresenter } from "./usage.ts"

/** Commands that load alone: those on model folders need no lab, and a job of a cluster needs no other command. */
const alone = {
  generate: async () => (await import("./commands/generate.ts")).generate,
  serve: async () => (await import("./commands/serve.ts")).serve,
  evaluate: async () => (await import("./commands/evaluate.ts")).evaluate,
  stage: async () => (await import("./commands/stage.ts")).stageCommand,
}
const isAlone = (name: string | undefined): name is keyof typeof alone =>
  name !== undefined && Object.hasOwn(alone, name)

/** The command line of this command; it reads the arguments of the process. */
export const commandLine = async (name: string | undefined) => {
  const winnow = isAlone(name)
    ? Command.make("winnow").pipe(Command.withSubcommands([await alone[name]()]))
    : (await import("./winnow.ts")).winnow
  return Command.run(winnow, { version: "0.1.0" }).pipe(
    Effect.provideService(CliOutput.Presenter, usagePresenter),
    withExitCodes,
  )
}

/** Runs the command that the process's arguments name. */
export const start = async (): Promise<void> => runMain(await commandLine(process.argv[2]))
