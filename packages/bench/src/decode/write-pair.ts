/** The pair and the prompts of a comparison, written by a process of its own. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { runScript } from "../side-by-side/run-child.ts"
import type { DecodeOptions } from "./options.ts"
import { promptsOf } from "./texts.ts"

/**
 * Writes FOLDER/target, FOLDER/draft and FOLDER/prompts.json.
 *
 * @param warmUp rounds that do not count
 * @returns the target's text of each prompt, and the memory's bandwidth, bytes a second
 * @error WorkerEnded when writing fails
 */
export const writePair = async (
  o: DecodeOptions,
  folder: string,
  warmUp: number,
): Promise<{ readonly texts: ReadonlyArray<ReadonlyArray<number>>; readonly bandwidth: number }> => {
  const { shape, draft, target, vocab, margins, agreement, gamma, prompt, new: fresh, threads } = o
  const models = shape === undefined ? { draft, target, vocab, margins } : { shape }
  const settings = Object.entries({ ...models, agreement, gamma, prompt, new: fresh, threads })
  const flags = settings.flatMap(([name, value]) => [`--${name}`, String(value)])
  writeFileSync(join(folder, "prompts.json"), JSON.stringify(promptsOf(o, warmUp + o.rounds)))
  const stdout = await runScript(join(import.meta.dir, "make-pair.ts"), [folder, ...flags])
  const json = readFileSync(join(folder, "texts.json"), "utf8")
  return { texts: JSON.parse(json), bandwidth: JSON.parse(stdout).bandwidth }
}
