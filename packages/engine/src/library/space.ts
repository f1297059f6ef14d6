/** Free space on the disk of a folder. */
import { statfs } from "node:fs/promises"
import { AttemptFailed } from "./error.ts"
import { formatBytes } from "./progress.ts"

/** Bytes that this user may still write on the disk of `folder`. */
export const freeBytes = async (folder: string): Promise<number> => {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

/**
 * Fails if less than `needed` bytes are free.
 *
 * @error AttemptFailed with the needed and the free bytes, and the folder
 */
export const requireSpace = async (
  folder: string,
  needed: number,
  free: (folder: string) => Promise<number> = freeBytes,
): Promise<void> => {
  const available = await free(folder)
  if (available < needed) throw noSpace(folder, needed, available)
}

/** The error of a full disk, before writing or during it. */
export const noSpace = (folder: string, needed: number, available: number): AttemptFailed =>
  new AttemptFailed(
    `not enough space: about ${formatBytes(needed)} are needed in ${folder}, ${formatBytes(available)} are free`,
    `Free ${formatBytes(Math.max(0, needed - available))} there, or set XDG_CACHE_HOME to a folder on a larger disk.`,
  )
