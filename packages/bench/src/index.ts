/** For suites outside this repository: register benches and measure them like ours. */
export * from "./measure.ts"
export * from "./result.ts"
export * from "./suite.ts"
