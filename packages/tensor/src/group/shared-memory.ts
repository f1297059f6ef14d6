/** Memory that all members of a group see, where they run on one machine. */
import { randomUUID } from "node:crypto"
import { closeSync, existsSync, fstatSync, openSync, rmSync, writeSync } from "node:fs"
import { join } from "node:path"
import type { Address } from "@winnow/engine"
import { mapShared } from "../binding/libc.ts"

/** The file system of Linux that lies in memory. Elsewhere numbers go through the network. */
const folder = "/dev/shm"
const chunk = new Uint8Array(1 << 22)

/** Makes a file of so many zeros; undefined if there is no room for it. */
const fileOf = (bytes: number): string | undefined => {
  if (!existsSync(folder)) return undefined
  const file = join(folder, `winnow-${randomUUID()}`)
  let descriptor: number | undefined
  try {
    descriptor = openSync(file, "wx", 0o600)
    // Written and not only made so long: a page that the file system has no room for would end the process later.
    for (let at = 0; at < bytes; ) at += writeSync(descriptor, chunk, 0, Math.min(chunk.length, bytes - at))
    return file
  } catch {
    rmSync(file, { force: true })
    return undefined
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

/** Maps that file; undefined where it is not to be seen. */
const mapped = (file: string, bytes: number): Address | undefined => {
  if (!existsSync(file)) return undefined
  const descriptor = openSync(file, "r+")
  try {
    return fstatSync(descriptor).size === bytes ? mapShared(descriptor, bytes) : undefined
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Memory of all members: rank 0 makes a file in memory, the others open it by its name, which no other machine has. The name
 * is gone before this returns, so that the memory ends with the processes; a kill of rank 0 in here leaves the file.
 *
 * @param exchange gives each member a value of every member
 * @param able false in a member that cannot use memory of others
 * @returns its address in this process, or undefined in all members if one of them cannot have it
 */
export const sharedMemory = (
  bytes: number,
  rank: number,
  able: boolean,
  exchange: (value: unknown) => ReadonlyArray<unknown>,
): { readonly place: Address | undefined; readonly shared: boolean } => {
  const own = rank === 0 && able ? fileOf(bytes) : undefined
  try {
    const file = exchange(own ?? null)[0] as string | null
    const place = file !== null && able ? mapped(file, bytes) : undefined
    return { place, shared: exchange(place !== undefined).every((is) => is === true) }
  } finally {
    if (own !== undefined) rmSync(own, { force: true })
  }
}
