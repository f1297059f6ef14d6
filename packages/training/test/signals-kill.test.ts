/** SIGKILL at random moments of a process that writes a cache of signals: at most the current piece is lost. */
import { expect, test } from "bun:test"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { seeded } from "@winnow/numerics"

const start = (directory: string, delay: number) =>
  Bun.spawn([process.execPath, join(import.meta.dir, "signals-child.ts"), directory, String(delay)], {
    stdout: "pipe",
    stderr: "inherit",
  })

test("killed five times, the cache ends with the same bytes, and what was whole was not computed again", async () => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-signals-kill-"))
  try {
    const contents = (name: string) =>
      readdirSync(join(folder, name))
        .toSorted()
        .map((file) => [file, readFileSync(join(folder, name, file), "latin1")])
    const finish = async (name: string) => {
      const child = start(join(folder, name), 0)
      const text = await new Response(child.stdout).text()
      expect(await child.exited).toBe(0)
      return Number(/done (\d+)/.exec(text)![1])
    }
    const all = await finish("whole")
    const { pieces } = JSON.parse(readFileSync(join(folder, "whole", "signals.json"), "utf8"))
    const largest = Math.max(...pieces.map(({ rows }: { rows: number }) => rows))

    const rng = seeded(5, "signals kill")
    let computed = 0
    for (let i = 0; i < 5; i++) {
      const child = start(join(folder, "killed"), 4)
      let text = ""
      const batches = 1 + rng.below(8)
      for await (const part of child.stdout.pipeThrough(new TextDecoderStream()))
        if ((text += part).split("batch ").length > batches) break
      await Bun.sleep(rng.uniform() * 8)
      child.kill("SIGKILL")
      await child.exited
      expect(child.signalCode).toBe("SIGKILL")
      computed += Number(/.*batch (\d+)/s.exec(text)![1])
    }
    computed += await finish("killed")
    expect(contents("killed")).toEqual(contents("whole"))
    expect(computed).toBeLessThanOrEqual(all + 5 * largest)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
