export { availableMemory } from "./available-memory.ts"
export { isBusy } from "./busy.ts"
export type { Finding } from "./doctor/finding.ts"
export { type Measured, type Probe, probeAnswer, readProbe } from "./doctor/probe.ts"
export { processorFlags } from "./doctor/processor.ts"
export type { Place } from "./doctor/surroundings.ts"
export { type Diagnosis, type ExamineOptions, examine, packageVersion } from "./doctor.ts"
export { keptMemory } from "./kept-memory.ts"
export { type Attempt, AttemptFailed, LibraryNotFound } from "./library/error.ts"
export type { Flavour, Library, LibrarySource, Platform } from "./library/library.ts"
export { type LocateOptions, locateLibrary } from "./library/locate.ts"
export { engineNeed, limitProblem } from "./memory-limits.ts"
export { nativeCheck } from "./native/check.ts"
export type { Address, Functions, FunctionTable } from "./native/functions.ts"
export {
  defaultThreads,
  type MissingNative,
  type NativeInfo,
  type OpenedNative,
  openNative,
} from "./native/open.ts"
export { runnable, type Variant, variantsToTry } from "./native/variant.ts"
