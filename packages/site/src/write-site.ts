/** Writes a site beside its place and renames it there, so that a folder has a whole site or the one before. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"

/** A file that marks a folder as a site, which the next build may replace. */
const MARK = ".winnow-site"

/** Writes the files of a site to a folder. @error Error for a folder that has other files */
export const writeSite = async (files: ReadonlyMap<string, string | Uint8Array>, to: string): Promise<void> => {
  if (existsSync(to) && readdirSync(to).length > 0 && !existsSync(join(to, MARK)))
    throw new Error(`${to} has files that are no site of this command; name an empty or a new folder by --to`)
  const half = `${to}.${process.pid}.half`
  try {
    for (const [place, content] of files) {
      mkdirSync(dirname(join(half, place)), { recursive: true })
      await Bun.write(join(half, place), content)
    }
    await Bun.write(join(half, MARK), "")
    rmSync(to, { recursive: true, force: true })
    renameSync(half, to)
  } finally {
    rmSync(half, { recursive: true, force: true })
  }
}
