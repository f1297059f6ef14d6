/** Writes a file or a folder whole or not at all. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs"
import { open } from "node:fs/promises"
import { dirname } from "node:path"
import { fileErrorOf } from "./file-error.ts"

/** Codes of file systems that cannot flush folders; they alone decide how safe the names in a folder are. */
const flushesNoFolder = new Set(["EINVAL", "ENOTSUP", "EOPNOTSUPP", "EISDIR"])

/** Flushes a file, or the names in a folder, to the disk. */
export const syncPath = (path: string): void => {
  const fd = openSync(path, "r")
  try {
    fsyncSync(fd)
  } catch (error) {
    if (!flushesNoFolder.has((error as NodeJS.ErrnoException).code ?? "")) throw error
  } finally {
    closeSync(fd)
  }
}

/** `syncPath` without blocking: flushing gigabytes takes seconds, in which other work of the process runs. */
export const syncFile = async (path: string): Promise<void> => {
  const file = await open(path, "r")
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

const writeAll = (fd: number, bytes: Uint8Array): void => {
  // Linux writes at most 2 GiB per call.
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, Math.min(bytes.length - at, 2 ** 30))
}

/**
 * Writes a whole file or none: beside its place, flushed to the disk, then renamed over it. Makes missing folders.
 *
 * @param content text, bytes, or a function that writes to the open file's descriptor
 * @param flush false for a note that is written every few seconds: whole after a kill, perhaps lost in a power cut
 * @error FileError when the disk refuses; an earlier file of that name then stays as it was
 */
export const writeWhole = (
  file: string,
  content: string | Uint8Array | ((fd: number) => void),
  { flush = true }: { readonly flush?: boolean } = {},
): void => {
  // Processes of two machines may have one number.
  const beside = `${file}.${process.pid}-${crypto.randomUUID().slice(0, 8)}.tmp`
  let opened = false
  try {
    mkdirSync(dirname(file), { recursive: true })
    const fd = openSync(beside, "w")
    opened = true
    try {
      if (typeof content === "function") content(fd)
      else writeAll(fd, typeof content === "string" ? new TextEncoder().encode(content) : content)
      if (flush) fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(beside, file)
    if (flush) syncPath(dirname(file))
  } catch (error) {
    if (opened) rmSync(beside, { force: true })
    throw fileErrorOf(error, file) ?? error
  }
}

const asideOf = (path: string): string => `${path}.discarded-${process.pid}-${Date.now()}`

/** Renames `path` out of the way; false if nothing is there. */
const moveAside = (path: string, aside: string): boolean => {
  try {
    renameSync(path, aside)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false
    throw error
  }
}

/**
 * Removes a folder that other processes may read. It is first renamed to `<path>.discarded-...`, so that nobody sees
 * half of it under its name. A process that is killed in between leaves the renamed folder.
 */
export const discard = (path: string): void => {
  const aside = asideOf(path)
  if (moveAside(path, aside)) rmSync(aside, { recursive: true, force: true })
}

/**
 * Puts a finished folder in its place by one rename. An earlier folder is renamed to `aside` before and removed after.
 *
 * @param aside a path on the same disk; a process that is killed in between leaves the earlier folder there
 */
export const placeFolder = (finished: string, place: string, aside = asideOf(place)): void => {
  const replaced = moveAside(place, aside)
  renameSync(finished, place)
  syncPath(dirname(place))
  if (replaced) rmSync(aside, { recursive: true, force: true })
}
