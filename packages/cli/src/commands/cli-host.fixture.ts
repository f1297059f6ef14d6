/**
 * A process that runs commands of `winnow` one after another, for `hostedCli`. Each has the arguments, the environment
 * and the folder of its own; modules, the engine and the families stay loaded.
 */
import { join } from "node:path"
import { ConfigProvider, Effect, Runtime } from "effect"
import { onPlatform } from "../platform.ts"
import { commandLine } from "../start.ts"

/** A command, as a parent sends it. */
export interface HostedCommand {
  readonly args: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  /** Written to stdout and to stderr behind all that the command writes. */
  readonly end: string
}

const setEnvironment = (env: Readonly<Record<string, string>>) => {
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name]
  Object.assign(process.env, env)
}

/** The exit code of a command that has the process for itself. */
const codeOf = async ({ args, env, cwd }: HostedCommand): Promise<number> => {
  setEnvironment(env)
  process.chdir(cwd)
  process.argv = [process.execPath, join(import.meta.dir, "../main.ts"), ...args]
  // Effect reads the environment once in a process.
  const configured = Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv())
  const exit = await Effect.runPromiseExit(onPlatform(await commandLine(args[0])).pipe(configured))
  return new Promise((resolve) => Runtime.defaultTeardown(exit, resolve))
}

const written = (stream: NodeJS.WriteStream, text: string) =>
  new Promise<void>((resolve, reject) => stream.write(text, (error) => (error ? reject(error) : resolve())))

if (import.meta.main) {
  process.on("disconnect", () => process.exit(0))
  process.on("message", async (command: HostedCommand) => {
    const code = await codeOf(command)
    await Promise.all([written(process.stdout, command.end), written(process.stderr, command.end)])
    process.send!(code)
  })
}
