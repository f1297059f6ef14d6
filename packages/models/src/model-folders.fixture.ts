/** Folders of small models for tests, saved and changed. */
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { architectureFromConfig, loadModel, smallConfig } from "./families.fixture.ts"
import { saveModel } from "./files.ts"
import { initialise } from "./initialise.ts"
import { readSafetensors, type TensorSource, writeSafetensors } from "./safetensors.ts"

/** A folder of its own for the tests of a file, to be removed after them. */
export const modelFolders = (name: string) => {
  const root = mkdtempSync(join(tmpdir(), `winnow-${name}-`))
  /** A saved model in a directory of its own. */
  const saved = async (name: string, extra: Record<string, unknown> = {}): Promise<string> => {
    const dir = join(root, name)
    const model = initialise(architectureFromConfig({ ...smallConfig, ...extra }), 3)
    await Effect.runPromise(saveModel(model, dir))
    model.dispose()
    return dir
  }
  return { root, saved }
}

/** Rewrites the weights of a directory. */
export const edit = (dir: string, change: (tensors: Map<string, Omit<TensorSource, "name">>) => void): void => {
  const file = join(dir, "model.safetensors")
  const tensors = new Map<string, Omit<TensorSource, "name">>(readSafetensors(file))
  change(tensors)
  writeSafetensors(
    file,
    [...tensors].map(([name, rest]) => ({ name, ...rest })),
  )
}

/** The message with which a directory is refused as a model. */
export const reason = (dir: string): Promise<string> =>
  Effect.runPromise(Effect.flip(loadModel(dir))).then((error) => error.message)
