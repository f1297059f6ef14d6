/**
 * Every variant that this processor can run agrees with the plain forms: head, kernels and the training step, each in a
 * separate process of three threads, as the processes of these tests may have one.
 */
import { expect, test } from "bun:test"
import { join } from "node:path"
import { processorFlags, runnable } from "@winnow/engine"
import { native } from "./native.ts"

const root = join(import.meta.dir, "..", "..", "..", "..")
/** Odd sizes against loops in double, and ops and steps against their plain forms. */
const files = [
  "packages/tensor/src/native/head.test.ts",
  "packages/tensor/src/native/sparse.test.ts",
  "packages/tensor/src/ops/native-ops.test.ts",
  "packages/tensor/src/ops/frozen-matrix.test.ts",
  "packages/training/src/step.test.ts",
]

for (const variant of runnable(processorFlags()))
  test.skipIf(native() === undefined)(`${variant} (skipped: no native library)`, async () => {
    const child = Bun.spawn([process.execPath, "test", "--timeout", "60000", ...files], {
      cwd: root,
      env: { ...process.env, WINNOW_NATIVE: variant, WINNOW_TEST_THREADS: "3" },
      stdout: "pipe",
      stderr: "pipe",
    })
    const [output, code] = await Promise.all([new Response(child.stderr).text(), child.exited])
    expect(output.match(/^\(fail\).*$/gm) ?? []).toEqual([])
    expect(code, output.slice(-2000)).toBe(0)
    expect(output).toMatch(/[1-9]\d* pass/)
    expect(output).not.toContain("there is no native library")
  })
