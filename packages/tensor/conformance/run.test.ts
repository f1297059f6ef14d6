/** The record of `bun run conformance --json`. */
import { expect, test } from "bun:test"
import { join } from "node:path"

test("one JSON object on stdout: counts of both suites, and what they ran on", () => {
  const { exitCode, stdout, stderr } = Bun.spawnSync([
    process.execPath,
    join(import.meta.dir, "run.ts"),
    "--only",
    "^softmax.*regular test",
    "--json",
  ])
  const { command, host, suites, worse } = JSON.parse(stdout.toString())
  expect(command).toBe("bun run conformance --only ^softmax.*regular test --json")
  expect(host).toMatchObject({ bun: Bun.version, tensorflow: expect.stringMatching(/^2\./) })
  expect(suites).toEqual([
    { name: "core", passed: expect.any(Number), failed: 0, skipped: 0, failures: [] },
    { name: "node", passed: 0, failed: 0, skipped: 0, failures: [] },
  ])
  expect(suites[0].passed).toBeGreaterThan(0)
  expect([exitCode, worse]).toEqual([0, false])
  expect(stderr.toString()).toContain("core (@tensorflow/tfjs-core): ")
})
