/** Working folders in a cache: work under a lock happens there, and its result gets its name by a rename. */
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { isAlive, type Owner, parseOwner } from "@winnow/files"

const WORK = ".work-"

const DAY_MS = 24 * 3600 * 1000

/** Path of the owner's working folder in `cache`, on the disk to which its results will be renamed. */
export const workFolder = (cache: string, owner: Owner): string => join(cache, `${WORK}${owner.token}`)

/** Creates it, with a note of its owner, by which `sweep` knows if it is still needed. */
export const makeWorkFolder = async (folder: string, owner: Owner): Promise<void> => {
  await mkdir(folder)
  await writeFile(join(folder, "owner.json"), JSON.stringify(owner))
}

/** Removes leftovers of killed processes: their working folders, and drafts of the lock. Called with the lock held. */
export const sweep = async (cache: string): Promise<void> => {
  for (const name of await readdir(cache)) {
    const path = join(cache, name)
    const isWork = name.startsWith(WORK)
    if (!isWork && !/\.lock\.[\w-]+(\.stale)?$/.test(name)) continue
    const note = isWork ? join(path, "owner.json") : path
    const owner = parseOwner(await readFile(note, "utf8").catch(() => ""))
    const alive = owner === undefined ? false : isAlive(owner)
    const { mtimeMs } = await stat(note).catch(() => ({ mtimeMs: 0 }))
    // An owner on another machine, or in another container, cannot be checked; no download takes a day.
    if (alive === false || (alive === undefined && Date.now() - mtimeMs > DAY_MS))
      await rm(path, { recursive: true, force: true })
  }
}
