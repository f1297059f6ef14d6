/** Paths as people read them. */
import { isAbsolute, relative } from "node:path"

/** A path as it is named from here, where it lies below. */
export const nearby = (path: string): string => {
  const from = relative(process.cwd(), path)
  return from === "" || from.startsWith("..") || isAbsolute(from) ? path : from
}
