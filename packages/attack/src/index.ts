export type { Kind, Outcome, Tried } from "./kind.ts"
export { type Counts, runKind } from "./run.ts"
