/** SIGKILL at random moments of a process that writes a cache of signals: at most the current piece is lost. */
import { expect, test } from "bun:test"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { seeded } from "@winnow/numerics"

/** Runs a process to its end, or to its death; the tokens that it computed. */
const run = async (signal: string | null, ...args: ReadonlyArray<string>) => {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "signals-child.ts"), ...args], {
    stdout: "pipe",
    stderr: "inherit",
  })
  const told = (await new Response(child.stdout).text()).trim().split("\n")
  await child.exited
  expect(child.signalCode as string | null).toBe(signal)
  return Number(told.at(-1))
}

test("killed five times, the cache ends with the same bytes, and what was whole was not computed again", async () => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-signals-kill-"))
  try {
    const contents = (name: string) =>
      readdirSync(join(folder, name))
        .toSorted()
        .map((file) => [file, readFileSync(join(folder, name, file), "latin1")])
    const all = await run(null, join(folder, "whole"))
    const { pieces } = JSON.parse(readFileSync(join(folder, "whole", "signals.json"), "utf8"))
    const largest = Math.max(...pieces.map(({ rows }: { rows: number }) => rows))

    const rng = seeded(5, "signals kill")
    let computed = 0
    for (let i = 0; i < 5; i++)
      computed += await run("SIGKILL", join(folder, "killed"), String(1 + rng.below(8)), String(rng.uniform() * 8))
    computed += await run(null, join(folder, "killed"))
    expect(contents("killed")).toEqual(contents("whole"))
    expect(computed).toBeLessThanOrEqual(all + 5 * largest)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
