/** Measures benches one after another; prints a table line by line, or one JSON document at the end. */
import type { Request } from "./command-line.ts"
import { describeMachine, type Machine, openMachine } from "./machine.ts"
import { measureBench, type Sampling } from "./measure.ts"
import { type Result, resultOf, tableHead, tableLine } from "./result.ts"
import { registered, type Skipped, type Suite } from "./suite.ts"

/** The report that `--json` prints. */
export interface Report {
  readonly machine: Machine
  /** "quick" figures only show that a bench runs. */
  readonly sampling: Sampling
  readonly results: ReadonlyArray<Result>
  readonly skipped: ReadonlyArray<Skipped>
}

const print = (line: string): void => void process.stdout.write(`${line}\n`)
const widest = (benches: ReadonlyArray<{ readonly name: string }>) =>
  Math.max(0, ...benches.map(({ name }) => name.length))

/** Lists suites and benches without measuring. */
export const listBenches = (request: Request, suites: Readonly<Record<string, Suite>>): void => {
  const listed = request.suites.map((suite) => {
    const { benches, skipped } = registered(suite, suites[suite]!)
    return { suite, benches: benches.map(({ name }) => name), skipped }
  })
  if (request.json) print(JSON.stringify(listed))
  else
    for (const { suite, benches, skipped } of listed) {
      print(suite)
      for (const name of benches) print(`  ${name}`)
      for (const { name, reason } of skipped) print(`  ${name} (skipped: ${reason})`)
    }
}

/** Measures the requested suites. @error the error of the first bench that fails */
export const runBenches = async (
  { suites: names, sampling, json }: Request,
  suites: Readonly<Record<string, Suite>>,
): Promise<void> => {
  const say = json ? () => {} : print
  const machine = await openMachine()
  for (const line of describeMachine(machine)) say(line)
  if (sampling === "quick") say("quick       a few samples only: these figures only show that the benches run")
  const results: Array<Result> = []
  const skips: Array<Skipped> = []
  for (const suite of names) {
    const { benches, skipped } = registered(suite, suites[suite]!)
    skips.push(...skipped)
    const width = Math.max(suite.length, widest([...benches, ...skipped]))
    say(`\n${tableHead(suite, width)}`)
    for (const bench of benches) {
      const result = resultOf(bench, await measureBench(bench, sampling), results)
      results.push(result)
      say(tableLine(result, width))
    }
    for (const { name, reason } of skipped) say(`${name.padEnd(width)}  skipped: ${reason}`)
  }
  if (json) print(JSON.stringify({ machine, sampling, results, skipped: skips } satisfies Report))
}
