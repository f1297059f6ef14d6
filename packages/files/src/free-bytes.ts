/** Free space on a disk. */
import { existsSync, statfsSync } from "node:fs"
import { dirname } from "node:path"

/** Bytes that this user may still write on the disk of a folder, which may not exist yet. @error Error of the system */
export const freeBytes = (folder: string): number => {
  if (!existsSync(folder)) return freeBytes(dirname(folder))
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}
