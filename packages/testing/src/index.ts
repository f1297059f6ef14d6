export {
  type FilterInput,
  type LossCase,
  randomExamplesInput,
  randomFilterInput,
  randomObjectiveInput,
} from "@winnow/core"
export * from "./check-examples.ts"
export * from "./check-family.ts"
export * from "./check-filter.ts"
export * from "./check-head.ts"
export * from "./check-loss.ts"
export * from "./check-model.ts"
export * from "./check-objective.ts"
export * from "./check-proposer.ts"
export * from "./check-score.ts"
export * from "./check-task.ts"
export * from "./check-variable.ts"
export * from "./datasets-of.ts"
export * from "./evaluate-loss.ts"
export { checkGolden, type GoldenCounts, type GoldenPart } from "./golden/check-golden.ts"
export { readGolden } from "./golden/golden-file.ts"
export * from "./instance.ts"
export * from "./law.ts"
export * from "./loss-cases.ts"
export * from "./lossless/every-outcome.ts"
export * from "./lossless/flaws.ts"
export * from "./lossless/n-grams.ts"
export * from "./lossless/texts.ts"
export * from "./table-model.ts"
export * from "./ways.ts"
