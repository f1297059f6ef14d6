/** The head `mlp` and the variables that come with it. */
export * from "./mlp.ts"
export * from "./variables/arithmetic.ts"
export * from "./variables/noise.ts"
export * from "./variables/places.ts"
export * from "./variables/running.ts"
export * from "./variables/target-loss.ts"
export * from "./variables/tokens.ts"
export * from "./variables/topic.ts"
