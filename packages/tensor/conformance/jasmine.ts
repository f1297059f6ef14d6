/** Runs jasmine specs in this process and counts their results. */
import { readFileSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"

export const require = createRequire(import.meta.url)

/** The outcome of a suite. */
export interface Outcome {
  readonly passed: number
  readonly failed: number
  /** Number of specs on the ignore list, and of pending ones. */
  readonly skipped: number
  /** Full names of the failed specs, each with its first message. */
  readonly failures: ReadonlyArray<{ readonly name: string; readonly message: string }>
}

interface Result {
  readonly fullName: string
  readonly status: string
  readonly failedExpectations: ReadonlyArray<{ readonly message: string }>
}

interface Jasmine {
  getEnv(): {
    configure(options: { random: boolean; specFilter: (spec: { getFullName(): string }) => boolean }): void
    addReporter(reporter: { specDone?: (result: Result) => void; suiteDone?: (result: Result) => void }): void
    execute(): Promise<unknown>
  }
}

/** Puts `describe`, `it` and the rest into the global scope; call before any spec is loaded. */
export const bootJasmine = (): Jasmine => {
  const jasmine = require("jasmine-core").boot(require("jasmine-core")) as Jasmine
  Object.assign(globalThis, { jasmine })
  return jasmine
}

/**
 * The specs that tfjs-node itself excludes for this backend, from the list in its own `run_tests.js`: parts of names.
 *
 * @error if the file no longer has the list
 */
export const ignoredSpecs = (): ReadonlyArray<string> => {
  const path = require.resolve("@tensorflow/tfjs-node-gpu/dist/run_tests.js")
  const list = /var IGNORE_LIST = (\[[\s\S]*?\n\]);/.exec(readFileSync(path, "utf8"))?.[1]
  if (list === undefined) throw new Error(`${path} has no IGNORE_LIST: is it tfjs-node-gpu 4.22.0?`)
  return new Function(`return ${list}`)() as ReadonlyArray<string>
}

/**
 * Runs every loaded spec, in the order of loading.
 *
 * @param ignored parts of names; a spec whose full name contains one is skipped
 * @param only runs the specs whose full name matches; the others are not counted
 */
export const runSpecs = async (jasmine: Jasmine, ignored: ReadonlyArray<string>, only: RegExp): Promise<Outcome> => {
  const env = jasmine.getEnv()
  const count = { passed: 0, failed: 0, skipped: 0 }
  const failures: Array<{ name: string; message: string }> = []
  // Records contain no path of a machine: a failure's path begins at its package.
  const relative = (message: string) => message.replaceAll(/\/\S*?\/node_modules\//g, "node_modules/")
  const fail = ({ fullName, failedExpectations }: Result) =>
    failures.push({ name: fullName, message: relative(failedExpectations[0]?.message ?? "no message") })
  env.configure({
    random: false,
    specFilter: (spec) => {
      const name = spec.getFullName()
      return only.test(name) && !ignored.some((part) => name.includes(part))
    },
  })
  env.addReporter({
    specDone: (result) => {
      if (result.status === "passed") count.passed++
      else if (result.status === "failed") {
        count.failed++
        fail(result)
      } else if (only.test(result.fullName)) count.skipped++
    },
    // A beforeAll or afterAll that throws fails its suite, not a spec.
    suiteDone: (result) => {
      if (result.failedExpectations.length > 0) {
        count.failed++
        fail(result)
      }
    },
  })
  await env.execute()
  return { ...count, failures }
}

/** Sends the outcome to the parent process. */
export const report = (outcome: Outcome): void => {
  const path = process.env["WINNOW_CONFORMANCE_OUT"]
  if (path === undefined) console.log(JSON.stringify(outcome, null, 2))
  else writeFileSync(path, JSON.stringify(outcome))
}
