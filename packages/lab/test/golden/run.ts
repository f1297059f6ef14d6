/** Runs the golden experiments in a process of their own. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type } from "arktype"
import { Sum } from "./sums.ts"

const Output = type({ machine: "string", sums: { "[string]": Sum.and({ kind: "string" }) } })

/**
 * The sums of this machine.
 *
 * @param native a variant of the native library, "off" for plain operations, "" for the best
 */
export const goldenSums = async (native: string): Promise<typeof Output.infer> => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-golden-"))
  const { WINNOW_NATIVE: _, ...environment } = process.env
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "child.ts"), folder], {
    env: { ...environment, ...(native === "" ? {} : { WINNOW_NATIVE: native }) },
    stdout: "pipe",
    stderr: "pipe",
  })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  rmSync(folder, { recursive: true, force: true })
  if ((await child.exited) !== 0) throw new Error(err.slice(-2000))
  return Output.assert(JSON.parse(out))
}
