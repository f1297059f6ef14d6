/** Memory that programs can still get: the machine's, or less where a container has a limit. */
import { readFileSync } from "node:fs"
import { freemem, totalmem } from "node:os"
import { join } from "node:path"

const text = (file: string): string | undefined => {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return undefined
  }
}

/** Files of a control group, version 2 and version 1, as a container sees its own. */
const groups = [
  { at: "sys/fs/cgroup", limit: "memory.max", used: "memory.current", inactive: /^inactive_file (\d+)$/m },
  {
    at: "sys/fs/cgroup/memory",
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    inactive: /^total_inactive_file (\d+)$/m,
  },
]

/** Bytes left of the container's limit; caches that it would give back count too. Infinite without a limit. */
const leftInGroup = (root: string): number =>
  Math.min(
    ...groups.map(({ at, limit, used, inactive }) => {
      const [most, now] = [limit, used].map((name) => Number.parseInt(text(join(root, at, name)) ?? "", 10))
      if (!Number.isFinite(most) || !Number.isFinite(now)) return Number.POSITIVE_INFINITY // none, or "max"
      const given = Number(inactive.exec(text(join(root, at, "memory.stat")) ?? "")?.[1] ?? 0)
      return Math.max(0, most! - now! + given)
    }),
  )

/**
 * Bytes that programs can still get. Linux counts caches that it would give back, and a container's limit; macOS says too
 * little of what is free, so there it is all that the machine has.
 *
 * @param root where /proc and /sys are; another folder in tests
 */
export const availableMemory = (root = "/"): number => {
  if (process.platform === "darwin") return totalmem()
  const available = /^MemAvailable:\s+(\d+)/m.exec(text(join(root, "proc/meminfo")) ?? "")?.[1]
  return Math.min(available === undefined ? freemem() : Number(available) * 1024, leftInGroup(root))
}
