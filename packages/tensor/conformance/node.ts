/**
 * Runs tfjs-node-gpu's own specs of its addon and backend, except saved models, with our binding in place of the addon.
 */
// The specs need all of TFJS; ours leaves out what it does not use, unless the whole is there first.
import "./whole.ts"
import { backend, openEngine } from "../src/engine.ts"
import { bootJasmine, ignoredSpecs, report, require, runSpecs } from "./jasmine.ts"

/** Specs that are excluded here beside those that tfjs-node excludes, with the reason. */
const leftOut = [
  // It expects the CPU to refuse an operation that current TensorFlow supports.
  "conv3d dilations CPU should throw error on dilations >1",
]

const jasmine = bootJasmine()
await openEngine()
Object.assign(globalThis, { [Symbol.for("winnow.conformance.binding")]: backend().binding })
// The package asks this module for the place of its addon.
const finder = require.resolve("@mapbox/node-pre-gyp")
require(finder)
const addon = require.resolve("./addon.cjs")
require.cache[finder]!.exports = { find: () => addon }
const tfn = require("@tensorflow/tfjs-node-gpu/dist/index")
require("@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops")
require("@tensorflow/tfjs-core/dist/register_all_gradients")
require("@tensorflow/tfjs-core/dist/jasmine_util").setTestEnvs([
  { name: "test-tensorflow", backendName: "tensorflow", flags: {}, isDataSync: true },
])
for (const file of ["tfjs_binding_test", "nodejs_kernel_backend_test", "int64_tensors_test", "tensorboard_test"])
  require(`@tensorflow/tfjs-node-gpu/dist/${file}`)

if (tfn.getBackend() !== "tensorflow") throw new Error(`the backend is ${tfn.getBackend()}, expected tensorflow`)
report(await runSpecs(jasmine, [...ignoredSpecs(), ...leftOut], new RegExp(process.argv[2] ?? "")))
process.exit(0)
