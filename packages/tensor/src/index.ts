export * from "./cross-entropy.ts"
export * from "./engine.ts"
export * from "./tf.ts"
