export * from "./acceptance.ts"
export * from "./block.ts"
export * from "./block-structure.ts"
export * from "./counts.ts"
export { bestDraftLength, type DraftLengthOption } from "./draft-length.ts"
export * from "./evaluate/evaluate.ts"
export type { EvaluatedCounts, EvaluatedLength } from "./evaluate/evaluate-length.ts"
export { type EvaluateOptions, type EvaluateSettings, evaluateOptions } from "./evaluate/options.ts"
export type { OverPrompts } from "./evaluate/over-prompts.ts"
export type { TimedLength } from "./evaluate/time-length.ts"
export * from "./evidence.ts"
export * from "./evidence-of.ts"
export * from "./formulas.ts"
export * from "./head-proposer.ts"
export * from "./identity.ts"
export * from "./model-proposer.ts"
export * from "./parameter-ratio.ts"
export * from "./replay.ts"
export * from "./seen-replay.ts"
export { seenStates } from "./seen-states.ts"
export * from "./speculate.ts"
export * from "./speculative.ts"
export * from "./speedup.ts"
export { type ForcedRows, type PassOptions, passOptions, teacherForced } from "./teacher-forced.ts"
export { speculateTogether, type TogetherOptions } from "./together.ts"
export { growBest, growFixed } from "./tree/grow.ts"
export { mostProbable } from "./tree/most-probable.ts"
export {
  depthOfShape,
  fixedShape,
  MOST_NODES,
  nodesOf,
  type ShapeNode,
  type TreeOption,
  treeName,
  treeOption,
} from "./tree/shape.ts"
export { treeGrower, treeProposer } from "./tree/tree-proposer.ts"
