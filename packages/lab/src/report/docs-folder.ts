/** Where a page finds the docs of this checkout. */
import { join, relative, resolve, sep } from "node:path"
import { houseRoot } from "../store/code/house.ts"

/** The folder of the docs as a page in a folder names it; null for a folder outside of the checkout, whose page travels alone. */
export const docsFrom = (directory: string): string | null => {
  const inside = resolve(directory).startsWith(resolve(houseRoot) + sep)
  return inside ? relative(resolve(directory), join(houseRoot, "docs")).split(sep).join("/") : null
}
