/** `bun run bench`: the mitata suites, or a comparison with a peer. Exit codes: 0 done, 1 failed, 2 usage. */
import { benchAgreement } from "./agreement/bench-agreement.ts"
import { parseRequest, usage } from "./command-line.ts"
import { benchDecode } from "./decode/bench-decode.ts"
import { benchEncode } from "./encode/bench-encode.ts"
import { benchGenerate } from "./generate/bench-generate.ts"
import { benchHeads } from "./heads/bench-heads.ts"
import { benchLarge } from "./large/bench-large.ts"
import { benchLoad } from "./load/bench-load.ts"
import { benchLookup } from "./lookup/bench-lookup.ts"
import { UsageError } from "./options.ts"
import { benchPacking } from "./packing/bench-packing.ts"
import { benchParallel } from "./parallel/bench-parallel.ts"
import { benchPrecision } from "./precision/bench-precision.ts"
import { listBenches, runBenches } from "./run.ts"
import { WorkerEnded } from "./side-by-side/worker-process.ts"
import { benchStart } from "./start/bench-start.ts"
import { benchSteady } from "./steady/bench-steady.ts"
import { benchStep } from "./step/bench-step.ts"
import { suites } from "./suites/index.ts"
import { benchTogether } from "./together/bench-together.ts"

const names = Object.keys(suites)
/** Comparisons, which alternate our side and a peer. */
const comparisons: Readonly<Record<string, (args: ReadonlyArray<string>) => Promise<void>>> = {
  step: benchStep,
  decode: benchDecode,
  together: benchTogether,
  generate: benchGenerate,
  load: benchLoad,
  large: benchLarge,
  lookup: benchLookup,
  packing: benchPacking,
  parallel: benchParallel,
  encode: benchEncode,
  heads: benchHeads,
  precision: benchPrecision,
  start: benchStart,
  steady: benchSteady,
  agreement: benchAgreement,
}

const main = async (args: ReadonlyArray<string>): Promise<void> => {
  const comparison = comparisons[args[0] ?? ""]
  if (comparison !== undefined) return comparison(args.slice(1))
  const request = parseRequest(args, names)
  if (request.help) return void process.stdout.write(usage(names))
  if (request.list) return listBenches(request, suites)
  return runBenches(request, suites)
}

const args = process.argv.slice(2)
try {
  await main(args)
} catch (error) {
  if (error instanceof WorkerEnded) {
    process.stderr.write(`error: ${error.message}\n`)
    process.exit(1) // the other worker ends with its input
  }
  if (!(error instanceof UsageError)) throw error
  // A comparison's error is one line, with the option and the remedy.
  process.stderr.write(`error: ${error.message}\n${(args[0] ?? "") in comparisons ? "" : `\n${usage(names)}`}`)
  process.exitCode = 2
}
