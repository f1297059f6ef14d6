/**
 * SIGKILL at random moments of a real process: the run that goes on afterwards ends with the same weights, bit by bit.
 */
import { expect, test } from "bun:test"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { seeded } from "@winnow/numerics"

const run = (checkpoints: string, out: string) =>
  Bun.spawn([process.execPath, join(import.meta.dir, "child.ts"), checkpoints, out], {
    stdout: "pipe",
    stderr: "inherit",
  })

/** Reads lines until the child has done that many steps, then kills it. */
const killAfter = async (child: ReturnType<typeof run>, steps: number, delay: number) => {
  let seen = 0
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream()))
    if ((seen += text.split('"step"').length - 1) >= steps) break
  await Bun.sleep(delay)
  child.kill("SIGKILL")
  await child.exited
  return child.signalCode
}

test("killed four times at random moments", async () => {
  const folder = await mkdtemp(join(tmpdir(), "winnow-kill-"))
  try {
    const rng = seeded(11, "kill")
    const weights = async (name: string) => Bun.hash(await Bun.file(join(folder, name, "model.safetensors")).bytes())
    const finish = async (name: string) => {
      const child = run(join(folder, `${name}-checkpoints`), join(folder, name))
      const lines = await new Response(child.stdout).text()
      expect(await child.exited).toBe(0)
      return lines
    }
    await finish("whole")
    for (let i = 0; i < 4; i++) {
      const child = run(join(folder, "killed-checkpoints"), join(folder, "killed"))
      expect(await killAfter(child, 5 + rng.below(20), rng.uniform() * 30)).toBe("SIGKILL")
    }
    expect(await finish("killed")).toStartWith('{"resumed":')
    expect(await weights("killed")).toBe(await weights("whole"))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
