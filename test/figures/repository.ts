/** The pages of this repository, checked. */
import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { Glob } from "bun"
import { type Checked, checkPage, type Issue } from "./check.ts"
import { claimsOf } from "./claims.ts"
import { readPage } from "./page.ts"
import { type Records, recordsOf } from "./records.ts"
import { unmarkedOf } from "./unmarked.ts"

/** The root of the repository. */
export const root = dirname(dirname(import.meta.dir))

const patterns = ["README.md", "docs/**/*.md", "{packages,plugins,experiments}/*/README.md"]

/** Every page of README, docs, packages, plugins and experiments, from the root, in order. */
export const pages = (): ReadonlyArray<string> =>
  patterns.flatMap((pattern) => [...new Glob(pattern).scanSync(root)]).sort()

/** Every source in TypeScript and C++ of packages, plugins, experiments and tests, from the root, in order. */
export const sources = (): ReadonlyArray<string> =>
  [...new Glob("{packages,plugins,experiments,test}/**/*.{ts,cpp,h}").scanSync(root)]
    .filter((file) => !file.includes("node_modules"))
    .sort()

/** A page with its faults: stale figures, figures without a record, claims without support in a record. */
export interface PageReport extends Checked {
  readonly file: string
  readonly markers: number
  readonly unmarked: ReadonlyArray<Issue>
  readonly claims: ReadonlyArray<Issue>
}

/** Checks one page, `file` from the root. */
export const reportOf = (file: string, records: Records = recordsOf(root)): PageReport => {
  const page = readPage(file, readFileSync(join(root, file), "utf8"))
  const checked = checkPage(page, records)
  return {
    ...checked,
    file,
    markers: page.markers.length + page.tables.length,
    unmarked: unmarkedOf(page, checked.covered),
    claims: claimsOf(page, records),
  }
}

/** `file:line: message`. */
export const issueText = ({ file, line, message }: Issue): string => `${file}:${line}: ${message}`
