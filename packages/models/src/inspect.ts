/** The facts of a model folder, from config.json and the headers of its files: no weight is read. */
import { statSync } from "node:fs"
import { basename } from "node:path"
import type { Architecture, Attends, ConfigKey, DataError, Family, InvalidInput, ModelPart } from "@winnow/core"
import type { Effect } from "effect"
import { attempt } from "./data-errors.ts"
import { mayStayHalf } from "./native-parameters.ts"
import { openFolder } from "./open-folder.ts"
import { weightsOfFolder } from "./private-folder.ts"
import { tensorsOf } from "./stored.ts"

/** A parameter, and its tensor in the files. */
export interface StoredParameter {
  readonly name: string
  readonly tensor: string
  readonly shape: ReadonlyArray<number>
  /** The number format of the file, such as "BF16". */
  readonly dtype: string
  /** Bytes of the tensor in its file, and of others that hold a part of the parameter. */
  readonly bytes: number
  readonly part: ModelPart | "other"
  /** True if it stays in the bfloat16 of its file while native code decodes with the model, or passes over texts frozen. */
  readonly mayStayHalf: boolean
}

/** A folder, inspected. */
export interface ModelFacts {
  readonly architecture: Architecture<Attends>
  readonly parameters: ReadonlyArray<StoredParameter>
  /** The keys of config.json in its order; empty if the family does not classify them. */
  readonly keys: ReadonlyArray<ConfigKey>
  /** Tensors that are not read. */
  readonly beside: ReadonlyArray<string>
  /** The files of weights, with their sizes. */
  readonly files: ReadonlyArray<{ readonly name: string; readonly bytes: number }>
}

/**
 * Inspects a folder as the loader would open it.
 *
 * @error as `readArchitecture`: the refusal of the loader
 */
export const inspectModel = (
  dir: string,
  families: ReadonlyArray<Family>,
): Effect.Effect<ModelFacts, DataError | InvalidInput> =>
  attempt(() => {
    const { architecture, config, tensorOf, fileOf, beside, close } = openFolder(dir, families)
    try {
      const parameters = [...architecture.parameters].map(([name, { shape }]): StoredParameter => {
        const tensor = tensorOf.get(name)!
        const entries = tensorsOf(architecture, name).map((part) => {
          const at = tensorOf.get(part.name)!
          return fileOf.get(at)!.tensors.get(at)!
        })
        const bytes = entries.reduce((sum, { begin, end }) => sum + end - begin, 0)
        const part = architecture.parts?.get(name) ?? "other"
        return {
          name,
          tensor,
          shape,
          dtype: entries[0]!.dtype,
          bytes,
          part,
          mayStayHalf: mayStayHalf(architecture, name, entries[0]!.dtype),
        }
      })
      const files = weightsOfFolder(dir).files.map((path) => ({ name: basename(path), bytes: statSync(path).size }))
      return { architecture, parameters, keys: architecture.family?.keys?.(config) ?? [], beside, files }
    } finally {
      close()
    }
  })
