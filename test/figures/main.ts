/**
 * `bun run figures`: checks the figures of README and docs against the records; `--write` replaces them by the records'
 * figures.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { recordsOf } from "./records.ts"
import { issueText, pages, reportOf, root } from "./repository.ts"

const options = process.argv.slice(2)
const write = options.includes("--write")
const files = options.filter((option) => option !== "--write")
const unknown = files.filter((file) => !pages().includes(file))
if (unknown.length > 0) {
  console.error(`no page ${unknown.join(", ")}: give --write, paths such as docs/metrics.md, or nothing`)
  process.exit(1)
}

/** A figure of another length shifts the borders of its table. */
const format = (written: ReadonlyArray<string>) =>
  Bun.spawnSync([process.execPath, "x", "biome", "format", "--write", ...written], { cwd: root, stdout: "ignore" })

const records = recordsOf(root)
const written: Array<string> = []
let figures = 0
let wrong = 0
for (const file of files.length > 0 ? files : pages()) {
  let report = reportOf(file, records)
  if (write && report.issues.length > 0) {
    writeFileSync(join(root, file), report.mended)
    written.push(file)
    const mended = reportOf(file, records)
    console.log(`${file}: ${report.issues.length - mended.issues.length} figures rewritten`)
    report = mended
  }
  figures += report.covered.length
  for (const issue of [...report.issues, ...report.unmarked, ...report.claims]) {
    wrong++
    console.error(issueText(issue))
  }
}
if (written.length > 0) format(written)
console.log(`${figures} figures come from records; ${wrong} to mend`)
process.exit(wrong > 0 ? 1 : 0)
