/** Writes a folder with random weights in bfloat16, in a process of its own: bun make-model.ts FOLDER SHAPE SEED. */
import { Effect } from "effect"
import { modelUseOf, type ShapeName } from "./shapes.ts"
import { writeShape } from "./write-shape.ts"

const [folder, name, seed] = process.argv.slice(2) as [string, ShapeName, string]
writeShape(folder, Effect.runSync(modelUseOf(name).instance), { seed: Number(seed) })
