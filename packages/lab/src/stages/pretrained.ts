/** A target from a folder in Hugging Face format: the artifact names the folder, its key holds what the folder holds. */
import { createHash } from "node:crypto"
import { createReadStream, existsSync, readdirSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { type Architecture, DataError, type InvalidInput } from "@winnow/core"
import { architectureFromConfig, parameterCount } from "@winnow/models"
import { Effect } from "effect"
import { type Stage, stage } from "../stage.ts"

const hashOf = (file: string): Effect.Effect<string, DataError> =>
  Effect.tryPromise({
    try: async () => {
      const hash = createHash("sha256")
      for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array)
      return hash.digest("hex")
    },
    catch: (error) => new DataError({ message: `${file} cannot be read: ${String(error)}` }),
  })

/** The architecture that a folder's config.json describes. */
export const folderArchitecture = (path: string): Effect.Effect<Architecture, DataError | InvalidInput> =>
  Effect.gen(function* () {
    const file = join(path, "config.json")
    const config = yield* Effect.try({
      try: () => JSON.parse(readFileSync(file, "utf8")) as unknown,
      catch: (error) =>
        new DataError({ message: `target ${path}: ${String(error)}; expected a folder with config.json and weights` }),
    })
    return yield* Effect.try({
      try: () => architectureFromConfig(config, file),
      catch: (error) => error as InvalidInput,
    })
  })

/** @error DataError when the folder has no weights in safetensors */
export const pretrainedStage = (path: string, architecture: Architecture): Effect.Effect<Stage, DataError> =>
  Effect.gen(function* () {
    const folder = resolve(path)
    const weights = existsSync(folder)
      ? readdirSync(folder)
          .filter((f) => f.endsWith(".safetensors"))
          .toSorted()
      : []
    if (weights.length === 0)
      return yield* new DataError({ message: `target ${folder}: no .safetensors file; save the weights there` })
    const hashes: Record<string, string> = {}
    for (const file of ["config.json", ...weights]) hashes[file] = yield* hashOf(join(folder, file))
    const parameters = parameterCount(architecture)
    return stage({
      kind: "target",
      label: `target from ${path}`,
      config: { files: hashes },
      inputs: [],
      code: [],
      work: { parameters },
      run: () => Effect.succeed({ path: folder, parameters }),
    })
  })
