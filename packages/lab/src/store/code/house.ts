/** This checkout, and the part of its files that the numeric revisions cover. */
import { join, sep } from "node:path"

/** The folder that holds packages/, plugins/ and experiments/ of this checkout. */
export const houseRoot = join(import.meta.dir, "../../../../..")

const packages = join(houseRoot, "packages") + sep

/** True if a file is source of a package of the house: the revisions guard its numbers, not a hash. */
export const isHouseSource = (file: string): boolean =>
  file.startsWith(packages) && /^[^/\\]+[/\\]src[/\\]/.test(file.slice(packages.length)) && !/\.test\.ts$/.test(file)
