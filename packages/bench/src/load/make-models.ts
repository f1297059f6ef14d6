/**
 * Writes one model as the folders FOLDER/F32, F16 and BF16, in a process of its own: bun make-models.ts FOLDER OPTIONS.
 */
import { join } from "node:path"
import { saveModel } from "@winnow/models"
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import { modelOf } from "../decode/pair.ts"
import { copyInHalves } from "./formats.ts"
import { parseLoad } from "./options.ts"

const [folder, ...args] = process.argv.slice(2)
const { model: sizes, vocab, threads } = parseLoad(args)
await openEngine({ threads })
const model = modelOf(sizes, vocab, 2048, 1)
await Effect.runPromise(saveModel(model, join(folder!, "F32")))
for (const format of ["F16", "BF16"] as const) copyInHalves(join(folder!, "F32"), join(folder!, format), format)
