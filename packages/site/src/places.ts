/** Files of the repository, and their places in the site, which mirrors it: `docs/start.md` is `docs/start.html`. */
import { existsSync, statSync } from "node:fs"
import { join, posix } from "node:path"
import { Glob } from "bun"

const patterns = ["README.md", "docs/**/*.md", "{packages,plugins,experiments}/*/README.md"]

/** Every page of Markdown, from the root, in order. */
export const pagesIn = (root: string): ReadonlyArray<string> =>
  patterns.flatMap((pattern) => [...new Glob(pattern).scanSync(root)]).sort()

/** The place of a page in the site. */
export const placeOf = (page: string): string =>
  page.replace(/(^|\/)README\.md$/, "$1index.html").replace(/\.md$/, ".html")

/** The address of one place as a page at another leads to it. */
export const leadFrom = (from: string, to: string): string => {
  const path = posix.relative(posix.dirname(from), to)
  return path.split("/").map(encodeURIComponent).join("/")
}

/** A link's end: where it leads inside of the repository, or nowhere. */
export type End =
  | { readonly kind: "elsewhere" }
  | { readonly kind: "page"; readonly page: string; readonly anchor: string }
  | { readonly kind: "picture"; readonly file: string }
  | { readonly kind: "source"; readonly file: string; readonly anchor: string }
  | { readonly kind: "folder"; readonly folder: string }
  | { readonly kind: "nowhere"; readonly why: string }

/** The end of a link on a page. `pages` are all pages of the site. */
export const endOf = (root: string, page: string, href: string, pages: ReadonlySet<string>): End => {
  if (/^[a-z][a-z0-9+.-]*:/i.test(href)) return { kind: "elsewhere" }
  const [path = "", anchor = ""] = href.split("#", 2).map((part) => decodeURIComponent(part))
  if (path === "") return { kind: "page", page, anchor }
  const file = posix.normalize(posix.join(posix.dirname(page), path)).replace(/\/$/, "")
  if (path.startsWith("/") || file.startsWith(".."))
    return { kind: "nowhere", why: "leads out of the repository; expected a path from this page's folder" }
  if (!existsSync(join(root, file))) return { kind: "nowhere", why: `leads to ${file}, and there is no such file` }
  if (statSync(join(root, file)).isDirectory())
    return pages.has(`${file}/README.md`)
      ? { kind: "page", page: `${file}/README.md`, anchor }
      : { kind: "folder", folder: file }
  if (pages.has(file)) return { kind: "page", page: file, anchor }
  return /\.(svg|png|jpe?g|gif|webp)$/.test(file) ? { kind: "picture", file } : { kind: "source", file, anchor }
}
