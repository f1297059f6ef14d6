export * from "./checkpoint.ts"
export { seenBy } from "./draft-entries.ts"
export * from "./events.ts"
export { chunkRowsFor, lossOf } from "./head/chunks.ts"
export type { HeadFormName } from "./head/form.ts"
export * from "./head/head.ts"
export type { Pass, ReferenceLosses, Rows } from "./head/pass.ts"
export * from "./head/try-fused.ts"
export { leftRows, measuredRows, modelRows } from "./measured-rows.ts"
export * from "./micro-batch.ts"
export * from "./optimizer-step.ts"
export type { OwnText, WritingCounts } from "./own-text.ts"
export { pooledSize, pooledStates } from "./pooled.ts"
export {
  type Probe,
  type ProbePoint,
  readPoint,
  readPoints,
  type SavedPoint,
  savePoint,
} from "./probe.ts"
export * from "./reference.ts"
export * from "./schedule.ts"
export { type OwnMicro, type Sharing, share } from "./sharing/sharing.ts"
export * from "./signals/index.ts"
export { modelsTogether, type SourceHeads, type SourceLosses } from "./sources.ts"
export { targetStates } from "./target-states.ts"
export * from "./train-stage.ts"
