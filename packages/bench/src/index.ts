/** For suites outside this repository: register benches, measure them as ours are measured. */
export * from "./measure.ts"
export * from "./result.ts"
export * from "./suite.ts"
