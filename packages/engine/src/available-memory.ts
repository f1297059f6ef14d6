/** Memory that programs can still get: the machine's, or less if a control group of this process has a limit. */
import { readFileSync } from "node:fs"
import { freemem, totalmem } from "node:os"
import { dirname, join } from "node:path"

const text = (file: string): string | undefined => {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return undefined
  }
}

/**
 * A version of control groups: its line in /proc/self/cgroup, the mount points of its tree, and the names of its files.
 */
const versions = [
  {
    own: /^0::(\/.*)$/m,
    mounts: ["sys/fs/cgroup", "sys/fs/cgroup/unified"],
    limit: "memory.max",
    used: "memory.current",
    inactive: /^inactive_file (\d+)$/m,
  },
  {
    own: /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(\/.*)$/m,
    mounts: ["sys/fs/cgroup/memory"],
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    inactive: /^total_inactive_file (\d+)$/m,
  },
]

/**
 * A group and all above it, each of which may have a limit. Parts of the path may be missing under the mount: a container
 * sees its own group as the root.
 */
const upwards = (path: string): ReadonlyArray<string> => (path === "/" ? ["/"] : [path, ...upwards(dirname(path))])

/**
 * Bytes left of the limits on this process's control groups, version 1 and 2; caches that a group would give back count
 * as left. Infinite without a limit.
 *
 * @param root the folder of /proc and /sys; another folder in tests
 */
export const leftOfGroups = (root = "/"): number => {
  const groups = text(join(root, "proc/self/cgroup")) ?? ""
  const left = (folder: string, { limit, used, inactive }: (typeof versions)[number]) => {
    const [most, now] = [limit, used].map((name) => Number.parseInt(text(join(folder, name)) ?? "", 10))
    if (!Number.isFinite(most) || !Number.isFinite(now)) return Number.POSITIVE_INFINITY // There is no group, or its limit is "max".
    const reclaimable = Number(inactive.exec(text(join(folder, "memory.stat")) ?? "")?.[1] ?? 0)
    return Math.max(0, most! - now! + reclaimable)
  }
  return Math.min(
    ...versions.flatMap((version) =>
      version.mounts.flatMap((mount) =>
        upwards(version.own.exec(groups)?.[1] ?? "/").map((path) => left(join(root, mount, path), version)),
      ),
    ),
  )
}

/**
 * Bytes that programs can still get. Linux includes caches that it would give back, and the limits on control groups;
 * macOS reports too little of its free memory, so there it is all memory of the machine.
 *
 * @param root the folder of /proc and /sys; another folder in tests
 */
export const availableMemory = (root = "/"): number => {
  if (process.platform === "darwin") return totalmem()
  const available = /^MemAvailable:\s+(\d+)/m.exec(text(join(root, "proc/meminfo")) ?? "")?.[1]
  return Math.min(available === undefined ? freemem() : Number(available) * 1024, leftOfGroups(root))
}
