/**
 * `bun run conformance [--only REGEXP] [--json]`: TFJS's own test suite and tfjs-node-gpu's own specs, on this engine.
 *
 * Prints the numbers of passed, failed and skipped specs, and the names of failed ones; with `--json` one JSON object
 * on stdout, the rest on stderr. Exits with 1 if the result is worse than the known one or a suite crashed. With
 * `--only` nothing is compared: any failure exits with 1.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { release, tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { openEngine } from "../src/engine.ts"
import type { Outcome } from "./jasmine.ts"

/** The known outcome of a suite on libtensorflow 2.21.0; the stock C++ addon gives the same for `core`. */
interface Suite {
  /** Its name in the JSON object. */
  readonly name: "core" | "node"
  readonly title: string
  readonly file: string
  readonly leastPassed: number
  /** Specs that fail in TensorFlow itself. */
  readonly knownFailures: ReadonlyArray<string>
}

const suites: ReadonlyArray<Suite> = [
  {
    name: "core",
    title: "core (@tensorflow/tfjs-core)",
    file: "core.ts",
    leastPassed: 3877,
    // TensorFlow's Round of int32 gives zeros on the CPU.
    knownFailures: ["round test-tensorflow {} int32"],
  },
  {
    name: "node",
    title: "node (@tensorflow/tfjs-node-gpu)",
    file: "node.ts",
    leastPassed: 65,
    knownFailures: [],
  },
]

/** Runs a suite in a separate process, so that a crash of the library is detected. */
const run = async (suite: Suite, only: string): Promise<Outcome | string> => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-conformance-"))
  const out = join(folder, "outcome.json")
  try {
    const child = Bun.spawn([process.execPath, join(import.meta.dir, suite.file), only], {
      env: { ...process.env, WINNOW_CONFORMANCE_OUT: out },
      stdout: "pipe",
      stderr: "pipe",
    })
    const [stdout, stderr, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ])
    try {
      return JSON.parse(readFileSync(out, "utf8")) as Outcome
    } catch {
      const how = child.signalCode === null ? `exit code ${code}` : `signal ${child.signalCode}`
      return `ended with ${how} before its last spec:\n${(stdout + stderr).slice(-4000)}`
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** One suite of the JSON object; a crashed suite has its last output instead of counts. */
type SuiteReport = { readonly name: string } & (Outcome | { readonly crashed: string })

const args = process.argv.slice(2)
const { values } = parseArgs({ args, options: { only: { type: "string" }, json: { type: "boolean" } } })
const say = values.json ? console.error : console.log
const { version: tensorflow } = await openEngine()
const reports: Array<SuiteReport> = []
let worse = false
for (const suite of suites) {
  const outcome = await run(suite, values.only ?? "")
  if (typeof outcome === "string") {
    say(`${suite.title}: CRASHED, ${outcome}`)
    reports.push({ name: suite.name, crashed: outcome })
    worse = true
    continue
  }
  const { passed, failed, skipped, failures } = outcome
  reports.push({ name: suite.name, ...outcome })
  say(`${suite.title}: ${passed} passed, ${failed} failed, ${skipped} skipped`)
  for (const { name, message } of failures) {
    const isKnown = suite.knownFailures.includes(name)
    say(`  ${isKnown ? "fails as known" : "FAILS"}: ${name}\n    ${message.replaceAll("\n", "\n    ")}`)
    if (!isKnown || values.only !== undefined) worse = true
  }
  if (values.only === undefined && passed < suite.leastPassed) {
    say(`  WORSE: expected at least ${suite.leastPassed} passed`)
    worse = true
  }
}
if (values.json)
  console.log(
    JSON.stringify({
      date: new Date().toISOString().slice(0, 10),
      command: ["bun run conformance", ...args].join(" "),
      host: { system: `${process.platform} ${process.arch} ${release()}`, bun: Bun.version, tensorflow },
      suites: reports,
      worse,
    }),
  )
process.exit(worse ? 1 : 0)
