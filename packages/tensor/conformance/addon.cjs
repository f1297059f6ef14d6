/** Stands where tfjs-node-gpu looks for its C++ addon. */
module.exports = globalThis[Symbol.for("winnow.conformance.binding")]
