/**
 * `bun run docs [--to FOLDER] [--check]`: the pages of this repository as a static site. Exit codes: 0 built, 1 a link
 * leads nowhere or a page has HTML, 2 the folder cannot be written.
 */
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { issueText, linkIssues } from "./links.ts"

/** The root of the repository; the lab, which knows it too, takes seconds to load, and a check needs no more of it. */
const root = join(import.meta.dir, "../../..")

const usage = `usage: bun run docs [--to FOLDER] [--check]
  --to FOLDER  where the site is written; ${join(".winnow", "site")} if left out
  --check      checks every link and anchor and that no page has HTML, writes nothing`

const options = () => {
  try {
    return parseArgs({
      options: { to: { type: "string" }, check: { type: "boolean" }, help: { type: "boolean" } },
    }).values
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage}\n`)
    return process.exit(1)
  }
}

const { to = join(root, ".winnow", "site"), check, help } = options()
if (help) {
  console.log(usage)
  process.exit(0)
}
const built = async () => {
  const { buildSite, resultsOf } = await import("./index.ts")
  return buildSite(root, await resultsOf(root))
}
const { files, issues } = check === true ? { files: undefined, issues: linkIssues(root) } : await built()
if (issues.length > 0) {
  process.stderr.write(`${issues.map(issueText).join("\n")}\n${issues.length} faults to mend; nothing is written\n`)
  process.exit(1)
}
if (files === undefined) console.log("every link of the pages leads somewhere")
else
  try {
    const { writeSite } = await import("./index.ts")
    await writeSite(files, resolve(to))
    const pages = [...files.keys()].filter((file) => file.endsWith(".html")).length
    console.log(`${pages} pages; open ${join(resolve(to), "index.html")}`)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exit(2)
  }
