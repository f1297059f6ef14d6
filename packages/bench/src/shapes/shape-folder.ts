/** The folder of a shape below another folder: written by a process of its own unless it is there. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { runScript } from "../side-by-side/run-child.ts"
import { type ShapeName, shapeNames } from "./shapes.ts"

/** @param say receives a line before it is written. @returns the folder @error WorkerEnded when writing fails */
export const shapeFolder = async (under: string, name: ShapeName, say: (line: string) => void): Promise<string> => {
  const folder = join(under, name)
  if (!existsSync(join(folder, "config.json"))) {
    say(`writing ${name}`)
    await runScript(join(import.meta.dir, "make-model.ts"), [folder, name, String(shapeNames.indexOf(name))])
  }
  return folder
}
