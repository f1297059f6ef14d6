/** The results in the site: the home page of the committed runs, and their reports with links that lead into the site. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join, posix } from "node:path"
import { type HomeRun, makeRunStore, readRun, renderHome } from "@winnow/lab"
import { Effect } from "effect"

/** The place of the home page. */
export const resultsPlace = "results/index.html"

/** Pages beside a record, which are complete in themselves. */
const pagesOfRun = ["report.html", "tokens.html"]

/**
 * The text of a page of HTML with the addresses of Markdown pages replaced by those of the site; a link to a file that
 * the site does not have keeps its words alone.
 *
 * @param file its path from the root
 */
export const ledIntoSite = (html: string, file: string, placeFor: (path: string) => string | undefined): string =>
  html.replace(/<a href="([^"#:]+)(#[^"]*)?"/g, (_, path: string, anchor = "") => {
    const place = placeFor(posix.normalize(posix.join(posix.dirname(file), decodeURIComponent(path))))
    return place === undefined ? `<a style="color:inherit" title="in the repository"` : `<a href="${place}${anchor}"`
  })

/** Files of the results by their path, and the slugs of their experiments, which are anchors of the home page. */
export interface Results {
  readonly files: ReadonlyMap<string, string>
  readonly slugs: ReadonlySet<string>
}

/** The home page and the reports of all runs in `results/`. */
export const resultsOf = async (root: string): Promise<Results> => {
  const folder = join(root, "results")
  const files = new Map<string, string>()
  if (!existsSync(folder)) return { files, slugs: new Set() }
  // An empty journal: the site has the committed runs alone, the same on every machine.
  const entries = await Effect.runPromise(makeRunStore(join(folder, ".no-journal"), [folder]).list())
  const runs: Array<HomeRun> = []
  for (const entry of entries) {
    const path = posix.join(entry.experiment, entry.directory.split(/[/\\]/).at(-1)!)
    const record = entry.schema === null ? undefined : (await Effect.runPromise(readRun(entry.directory))).record
    runs.push({ entry, record, folder: path })
    for (const name of readdirSync(entry.directory).filter((name) => pagesOfRun.includes(name)))
      files.set(posix.join("results", path, name), readFileSync(join(entry.directory, name), "utf8"))
  }
  const slugs = new Set(entries.map(({ experiment }) => experiment))
  const readmes = new Map(
    [...slugs]
      .filter((slug) => existsSync(join(root, "experiments", slug, "README.md")))
      .map((slug) => [slug, `../experiments/${slug}/README.md`]),
  )
  const home = renderHome({ runs, readmes, benchmarks: [] })
  files.set(
    resultsPlace,
    home.replace('<p class="slug">Winnow</p>', '<p class="slug"><a href="../README.md">Winnow</a></p>'),
  )
  return { files, slugs }
}
