/** A limit on memory ends a command with a sentence, for each part that needs more. */
import { expect, test } from "bun:test"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { endOf } from "./commands/run-cli.fixture.ts"

/** Runs a command in a shell, after a preparation. */
const run = async (before: string, ...args: ReadonlyArray<string>) => {
  const command = ["sh", "-c", `${before} "$0" "$@"`, process.execPath, join(import.meta.dir, "main.ts"), ...args]
  const env = { ...process.env, WINNOW_HOME: mkdtempSync(join(tmpdir(), "winnow-limits-")) }
  return endOf(Bun.spawn(command, { env, stdout: "pipe", stderr: "pipe" }))
}
const limited = (kilobytes: number, ...args: ReadonlyArray<string>) => run(`ulimit -v ${kilobytes}; exec`, ...args)

test.skipIf(process.platform !== "linux")("below the addresses that commands need", async () => {
  for (const kilobytes of [600_000, 1_000_000, 2_000_000, 2_200_000]) {
    const { code, out, err } = await limited(kilobytes, "runs")
    expect([code, out]).toEqual([2, ""])
    expect(err).toMatch(
      /^error: memory: winnow needs 2\.5 GB of addresses, and the limit on this process is \d\.\d GB; raise it \(`ulimit -v unlimited`\) \[WN-203\]\n$/,
    )
  }
  expect((await limited(2_600_000, "runs", "--help")).code).toBe(0)
})

test.skipIf(process.platform !== "linux")("below the addresses that the engine needs", async () => {
  for (const kilobytes of [2_600_000, 4_000_000]) {
    const { code, err } = await limited(kilobytes, "experiment", "quickstart", "--dry-run")
    expect(code).toBe(2)
    expect(err).toMatch(/^error: memory: TensorFlow needs \d\.\d GB of addresses, and the limit on this process is \d/m)
    expect(err).not.toMatch(/\n\s+at /)
  }
})

test("a training far beyond the memory is refused before the first stage, and by --dry-run", async () => {
  const command = ["experiment", "quickstart", "--set", "arms.random.batchSize=30000000"]
  for (const args of [command, [...command, "--dry-run"]]) {
    const { code, out, err } = await run("exec", ...args)
    expect([code, out]).toEqual([1, ""])
    expect(err).toMatch(/its largest training takes about [\d,]+ GB of memory, [\d.]+ GB are free; set smaller models/)
    expect(err).not.toContain("stages done")
  }
})
