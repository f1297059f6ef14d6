/** The end of a command when stdout or stderr cannot be written. */
import { expect, test } from "bun:test"
import { openSync } from "node:fs"
import { join } from "node:path"

const main = join(import.meta.dir, "main.ts")

/** A command with its stdout on a device or pipe. */
const winnow = async (args: ReadonlyArray<string>, stdout: number | "pipe", stderr: "pipe" | number = "pipe") => {
  const child = Bun.spawn([process.execPath, main, ...args], { stdout, stderr })
  const err = typeof stderr === "number" ? Promise.resolve("") : new Response(child.stderr as ReadableStream).text()
  return { code: await child.exited, err: await err }
}

test("a stdout that is full is exit 2 with one line, in every form of output", async () => {
  const full = openSync("/dev/full", "w")
  const commands = [
    ["--help"],
    ["--version"],
    ["runs"],
    ["runs", "--json"],
    ["experiment", "--list"],
    ["logits", "--help"],
  ]
  for (const ended of await Promise.all(commands.map((args) => winnow(args, full)))) {
    expect(ended.code).toBe(2)
    expect(ended.err).toMatch(/^error: stdout: the disk is full; [^\n]*\n$/)
  }
})

test("a reader that closes ends the command quietly", async () => {
  const child = Bun.spawn(
    ["bash", "-c", `"$0" "$1" runs --json | true; exit "\${PIPESTATUS[0]}"`, process.execPath, main],
    {
      stdout: "pipe",
      stderr: "pipe",
    },
  )
  expect(await new Response(child.stderr).text()).toBe("")
  expect(await child.exited).toBe(141)
})

test("an stderr that is full changes no result", async () => {
  const child = Bun.spawn([process.execPath, main, "runs", "--json"], {
    stdout: "pipe",
    stderr: openSync("/dev/full", "w"),
  })
  expect(JSON.parse(await new Response(child.stdout).text())).toBeArray()
  expect(await child.exited).toBe(0)
})
