/**
 * One of several processes that request the library at once, for the tests: `bun contender.fixture.ts ROOT`, where a
 * test's `setUp` made sources, cache and compiler. Prints the result of opening, as JSON.
 */
import { join } from "node:path"
import { processors, table } from "./fixtures.ts"
import { openNative } from "./open.ts"

const [root] = process.argv.slice(2) as [string]
const lines: Array<string> = []
const opened = await openNative({
  table,
  sources: join(root, "sources"),
  cache: join(root, "cache/native"),
  env: { PATH: process.env["PATH"], CXX: join(root, "cxx") },
  processor: processors.old,
  say: (line) => void lines.push(line),
})
console.log(JSON.stringify({ said: lines, answer: "missing" in opened ? opened.missing : opened.C.winnow_answer(1) }))
