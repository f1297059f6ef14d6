/** The end of a command when stdout or stderr cannot be written. */
import { afterAll, expect, test } from "bun:test"
import { cpSync, mkdtempSync, openSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const main = join(import.meta.dir, "main.ts")

/** The runs of one experiment: a list of all takes twice as long. */
const results = mkdtempSync(join(tmpdir(), "winnow-output-"))
cpSync(join(import.meta.dir, "../../../results/001-quickstart"), join(results, "001-quickstart"), { recursive: true })
afterAll(() => rmSync(results, { recursive: true }))

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
    ["runs", "--results", results],
    ["runs", "--results", results, "--json"],
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
    [
      "bash",
      "-c",
      `"$0" "$1" runs --results "$2" --json | true; exit "\${PIPESTATUS[0]}"`,
      process.execPath,
      main,
      results,
    ],
    {
      stdout: "pipe",
      stderr: "pipe",
    },
  )
  expect(await new Response(child.stderr).text()).toBe("")
  expect(await child.exited).toBe(141)
})

test("an stderr that is full changes no result", async () => {
  const child = Bun.spawn([process.execPath, main, "runs", "--results", results, "--json"], {
    stdout: "pipe",
    stderr: openSync("/dev/full", "w"),
  })
  expect(JSON.parse(await new Response(child.stdout).text())).toMatchObject([{ experiment: "001-quickstart" }])
  expect(await child.exited).toBe(0)
})
