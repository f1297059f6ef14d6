/** Runs a process that prepares files for the sides, so that its memory counts for no side. */
import type { Environment } from "./peer-sides.ts"
import { environmentOf, WorkerEnded } from "./worker-process.ts"

/** Runs a command to its end. @returns its stdout. @error WorkerEnded with the end of its stderr when it fails */
export const runChild = async (command: ReadonlyArray<string>, environment: Environment = {}): Promise<string> => {
  const env = environmentOf(environment)
  const child = Bun.spawn([...command], { stdin: "ignore", stdout: "pipe", stderr: "pipe", env })
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  if (code !== 0)
    throw new WorkerEnded(
      `${command[1]} ended with ${child.signalCode ?? `exit code ${code}`}:\n${stderr.trim().slice(-2000)}`,
    )
  return stdout
}

/** Runs a TypeScript file to its end. @returns its stdout. @error WorkerEnded */
export const runScript = (file: string, args: ReadonlyArray<string>): Promise<string> =>
  runChild([process.execPath, file, ...args])
