export * from "./drive.ts"
export * from "./generate.ts"
export * from "./rollout.ts"
export * from "./sampling.ts"
