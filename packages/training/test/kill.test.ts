/**
 * SIGKILL at random moments of a real process: the run that goes on afterwards ends with the same weights, bit by bit.
 */
import { expect, test } from "bun:test"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { seeded } from "@winnow/numerics"

const run = (...args: ReadonlyArray<string>) =>
  Bun.spawn([process.execPath, join(import.meta.dir, "child.ts"), ...args], { stdout: "pipe", stderr: "inherit" })

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
      const [steps, delay] = [5 + rng.below(20), rng.uniform() * 30]
      const child = run(join(folder, "killed-checkpoints"), join(folder, "killed"), String(steps), String(delay))
      await child.exited
      expect(child.signalCode).toBe("SIGKILL")
    }
    expect(await finish("killed")).toStartWith('{"resumed":')
    expect(await weights("killed")).toBe(await weights("whole"))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
