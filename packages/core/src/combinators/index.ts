export * from "./both.ts"
export { defineCombinator } from "./combinator.ts"
export * from "./schedule.ts"
export * from "./shuffled.ts"
