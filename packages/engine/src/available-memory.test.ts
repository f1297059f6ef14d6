import { expect, test } from "bun:test"
import { availableMemory } from "./available-memory.ts"
import { rootOf } from "./root-folder.fixture.ts"

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

test.skipIf(process.platform === "darwin")("the limits on the process's own group and on all above it count", () => {
  const group = (folder: string, [limit, used]: readonly [string, string], most: number, now: number) => ({
    [`${folder}/${limit}`]: `${most}\n`,
    [`${folder}/${used}`]: `${now}\n`,
  })
  const two = (folder: string, most: number, now: number) =>
    group(`sys/fs/cgroup${folder}`, ["memory.max", "memory.current"], most, now)
  const one = (folder: string, most: number, now: number) =>
    group(`sys/fs/cgroup/memory${folder}`, ["memory.limit_in_bytes", "memory.usage_in_bytes"], most, now)
  const own = (line: string) => ({ ...meminfo, "proc/self/cgroup": `12:cpu,cpuacct:/x\n${line}\n` })
  const v2 = own("0::/user.slice/job")
  expect(availableMemory(rootOf({ ...v2, ...two("/user.slice/job", 3 * GB, GB) }))).toBe(2 * GB)
  expect(availableMemory(rootOf({ ...v2, ...two("/user.slice", 3 * GB, 2.5 * GB) }))).toBe(0.5 * GB)
  expect(availableMemory(rootOf({ ...v2, ...two("/user.slice/other", GB, 0) }))).toBe(8.192 * GB)
  const v1 = own("4:memory:/job/7")
  expect(
    availableMemory(rootOf({ ...v1, ...one("/job/7", 2 * GB, GB), ...one("/job", 9 * GB, 8.8 * GB) })),
  ).toBeCloseTo(0.2 * GB, -1)
  // A container sees its own group as the root, and the host's name of the group.
  expect(availableMemory(rootOf({ ...v1, ...one("", 2 * GB, GB) }))).toBe(GB)
})

test("this machine has some", () => {
  expect(availableMemory()).toBeGreaterThan(0)
})
