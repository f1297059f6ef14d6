/** Runs TFJS's own test suite on our backend, like tfjs-node's `run_tests.js`. */
import { openEngine } from "../src/engine.ts"
import { bootJasmine, ignoredSpecs, report, require, runSpecs } from "./jasmine.ts"

const jasmine = bootJasmine()
await openEngine()
require("@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops")
require("@tensorflow/tfjs-core/dist/register_all_gradients")
require("@tensorflow/tfjs-core/dist/jasmine_util").setTestEnvs([
  { name: "test-tensorflow", backendName: "tensorflow", flags: {}, isDataSync: true },
])
require("@tensorflow/tfjs-core/dist/tests")
report(await runSpecs(jasmine, ignoredSpecs(), new RegExp(process.argv[2] ?? "")))
process.exit(0)
