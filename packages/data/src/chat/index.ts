/** Chat templates, apart from the rest: their interpreter is loaded where a conversation is. */
export * from "./chat-template.ts"
export * from "./read-template.ts"
export * from "./turns.ts"
