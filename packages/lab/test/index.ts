/** What other packages attack the lab with: its tiny experiment, a process that is killed, and what must be the same afterwards. */
export { type Ended, type Moment, moments, runChild } from "./kill-process.ts"
export { recordContents, storeContents } from "./store-contents.ts"
export { tiny } from "./tiny.ts"
