import { expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { availableMemory } from "./available-memory.ts"

/** A root folder with these files. */
const rootOf = (files: Record<string, string>) => {
  const root = mkdtempSync(join(tmpdir(), "winnow-memory-"))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  return root
}
const GB = 1e9
const meminfo = { "proc/meminfo": "MemTotal: 16000000 kB\nMemFree: 1000000 kB\nMemAvailable:    8000000 kB\n" }

test.skipIf(process.platform === "darwin")("the machine's, and no more than a container's limit leaves", () => {
  expect(availableMemory(rootOf(meminfo))).toBe(8.192 * GB)
  const two = (max: string) => ({
    ...meminfo,
    "sys/fs/cgroup/memory.max": `${max}\n`,
    "sys/fs/cgroup/memory.current": "1500000000\n",
    "sys/fs/cgroup/memory.stat": "active_file 3\ninactive_file 500000000\n",
  })
  expect(availableMemory(rootOf(two("max")))).toBe(8.192 * GB)
  expect(availableMemory(rootOf(two("4000000000")))).toBe(3 * GB)
  expect(availableMemory(rootOf(two("1000000000")))).toBe(0)
  const one = (limit: string) => ({
    ...meminfo,
    "sys/fs/cgroup/memory/memory.limit_in_bytes": `${limit}\n`,
    "sys/fs/cgroup/memory/memory.usage_in_bytes": "1500000000\n",
  })
  expect(availableMemory(rootOf(one("9223372036854771712")))).toBe(8.192 * GB)
  expect(availableMemory(rootOf(one("2000000000")))).toBe(0.5 * GB)
})

test("this machine has some", () => {
  expect(availableMemory()).toBeGreaterThan(0)
})
