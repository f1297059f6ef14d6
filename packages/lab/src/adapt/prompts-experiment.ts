/**
 * The file from which other processes load an adaptation or a draft from prompts: the plugins that each one names. All else
 * is in the config that these processes get.
 */
import { everyToken } from "@winnow/core"
import type { Experiment } from "../experiment/define.ts"
import { prompts } from "./prompts-task.ts"

// Its plugins alone are read.
export default { task: prompts({ file: "" }), plugins: [prompts, everyToken] } as unknown as Experiment
