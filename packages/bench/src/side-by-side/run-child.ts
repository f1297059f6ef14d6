/** A process that prepares what the sides work on, so that what it takes is in no side's memory. */
import { WorkerEnded } from "./worker-process.ts"

/** Runs a TypeScript file to its end. @returns its stdout. @error WorkerEnded with the end of its stderr when it fails */
export const runChild = async (file: string, args: ReadonlyArray<string>): Promise<string> => {
  const child = Bun.spawn([process.execPath, file, ...args], { stdout: "pipe", stderr: "pipe" })
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  if (code !== 0)
    throw new WorkerEnded(
      `${file} ended with ${child.signalCode ?? `exit code ${code}`}:\n${stderr.trim().slice(-2000)}`,
    )
  return stdout
}
