/** `bun run bench`: the mitata suites, or a comparison with a peer. Exit codes: 0 done, 1 failed, 2 usage. */
import { parseRequest, usage } from "./command-line.ts"
import { comparisons } from "./comparisons.ts"
import { UsageError } from "./options.ts"
import { WorkerEnded } from "./side-by-side/worker-process.ts"
import { usageLine } from "./usage-line.ts"

/** The suites' modules load the engine and all that they measure. */
const loadSuites = async () => (await import("./suites/index.ts")).suites

const main = async (args: ReadonlyArray<string>): Promise<void> => {
  const comparison = comparisons[args[0] ?? ""]
  if (comparison !== undefined) return (await comparison.open())(args.slice(1))
  const suites = await loadSuites()
  const request = parseRequest(args, Object.keys(suites))
  if (request.help) return void process.stdout.write(usage(Object.keys(suites)))
  const { listBenches, runBenches } = await import("./run.ts")
  if (request.list) return listBenches(request, suites)
  return runBenches(request, suites)
}

/** The code of a side that ended in docs/errors.md. */
const endedCode = "WN-112"

const args = process.argv.slice(2)
try {
  await main(args)
} catch (error) {
  if (error instanceof WorkerEnded) {
    const [first, ...rest] = error.message.split("\n")
    process.stderr.write(`error: ${[`${first} [${endedCode}]`, ...rest].join("\n")}\n`)
    process.exit(1) // the other worker ends with its input
  }
  if (!(error instanceof UsageError)) throw error
  // A comparison's error is one line, with the option and the remedy.
  const isComparison = (args[0] ?? "") in comparisons
  const help = isComparison ? "" : `\n${usage(Object.keys(await loadSuites()))}`
  process.stderr.write(`${await usageLine(error)}${help}`)
  process.exitCode = 2
}
