export * from "./next-after.ts"
export * from "./offset-head.ts"
