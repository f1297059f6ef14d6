/** Parts for attacks on the lab: its tiny experiment, a process to kill, the state that must be the same. */
export { type Ended, type Moment, moments, runChild, startChild } from "./kill-process.ts"
export { killRun } from "./kill-run.ts"
export { runDistillation } from "./run-distillation.ts"
export { runLayers } from "./run-layers.ts"
export { recordContents, storeContents } from "./store-contents.ts"
export { tiny } from "./tiny.ts"
