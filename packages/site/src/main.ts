/**
 * `bun run docs [--to FOLDER] [--check]`: the pages of this repository as a static site. Exit codes: 0 built, 1 a link
 * leads nowhere, 2 the folder cannot be written.
 */
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { houseRoot } from "@winnow/lab"
import { buildSite, issueText, linkIssues } from "./build.ts"
import { resultsOf } from "./results.ts"
import { writeSite } from "./write-site.ts"

const usage = `usage: bun run docs [--to FOLDER] [--check]
  --to FOLDER  where the site is written; ${join(".winnow", "site")} if left out
  --check      checks every link and anchor, writes nothing`

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

const { to = join(houseRoot, ".winnow", "site"), check, help } = options()
if (help) {
  console.log(usage)
  process.exit(0)
}
const { files, issues } =
  check === true
    ? { files: undefined, issues: linkIssues(houseRoot) }
    : await buildSite(houseRoot, await resultsOf(houseRoot))
if (issues.length > 0) {
  process.stderr.write(`${issues.map(issueText).join("\n")}\n${issues.length} links to mend; nothing is written\n`)
  process.exit(1)
}
if (files === undefined) console.log("every link leads somewhere")
else
  try {
    await writeSite(files, resolve(to))
    const pages = [...files.keys()].filter((file) => file.endsWith(".html")).length
    console.log(`${pages} pages; open ${join(resolve(to), "index.html")}`)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exit(2)
  }
