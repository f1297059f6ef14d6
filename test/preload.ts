/** Opens the tensor engine once for the whole test process, and gives its temporary files one folder that ends with it. */
import { afterAll } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openEngine } from "@winnow/tensor"

// Child processes inherit the folder. A test that is killed leaves its files in it, the end of the process removes them.
// `bun run test` gives a folder and removes it. A worker of `bun test --parallel` has no last hook: it keeps its own.
if (process.env.WINNOW_TEST_FOLDER === undefined) {
  const folder = mkdtempSync(join(tmpdir(), "winnow-tests-"))
  process.env.TMPDIR = folder
  if (process.env.BUN_TEST_WORKER_ID === undefined) afterAll(() => rmSync(folder, { recursive: true, force: true }))
}

const threads = process.env.WINNOW_TEST_THREADS
await openEngine(threads === undefined ? {} : { threads: Number(threads) })
