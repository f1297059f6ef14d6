/** Runs the command line in a process of its own, as a user does. */
import { join } from "node:path"

const main = join(import.meta.dir, "..", "main.ts")

/** The end of a process: all that it wrote, and its exit code. */
export interface Ended {
  readonly out: string
  readonly err: string
  readonly code: number
}

/**
 * Starts `winnow` with these arguments.
 *
 * @param env variables beside those of this process
 */
export const startCli = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>>) =>
  Bun.spawn([process.execPath, main, ...args], { env: { ...process.env, ...env }, stdout: "pipe", stderr: "pipe" })

/** Waits for the end of a process that `startCli` or the like began. */
export const endOf = async (child: Bun.Subprocess<"ignore" | "pipe" | "inherit", "pipe", "pipe">): Promise<Ended> => {
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { out, err, code }
}

/** Runs `winnow` to its end. */
export const runCli = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>>): Promise<Ended> =>
  endOf(startCli(args, env))
