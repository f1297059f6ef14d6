/** A saved model written again: other number formats, further keys of its config.json, the same tensors. */
import { join } from "node:path"
import { type DataError, InvalidInput } from "@winnow/core"
import { writeWhole } from "@winnow/files"
import type { Effect } from "effect"
import { configText } from "./config-text.ts"
import { attempt, withDataErrors } from "./data-errors.ts"
import { readJson } from "./folder.ts"
import { openSafetensors, type WrittenDtype, writeSafetensors } from "./safetensors.ts"
import { isReadable } from "./safetensors-header.ts"
import { excerpt, isRecord } from "./shown.ts"

/** The parts of a copy that differ from the model. */
export interface CopyOptions {
  /** Number format of the weights, which config.json names as `dtype`. */
  readonly dtype: WrittenDtype
  /** Keys of config.json in place of the model's, such as `eos_token_id`. */
  readonly config: Readonly<Record<string, unknown>>
}

/**
 * Copies `config.json` and `model.safetensors` of a folder that `saveModel` wrote. In float32 the weights are the same
 * bytes; one tensor is in memory at a time, and no engine is needed.
 *
 * @param to an existing folder
 * @error DataError if a file cannot be read or written
 * @error InvalidInput for a config.json that is no object, or a weight that is too large for the number format
 */
export const copyModelFolder = (
  from: string,
  to: string,
  { dtype, config }: CopyOptions,
): Effect.Effect<void, DataError | InvalidInput> =>
  attempt(() => {
    const file = join(from, "config.json")
    const own = readJson(file)
    if (!isRecord(own))
      throw new InvalidInput({ what: file, problems: [`holds ${excerpt(own)}, expected an object of settings`] })
    const weights = openSafetensors(join(from, "model.safetensors"))
    try {
      writeSafetensors(
        join(to, "model.safetensors"),
        Array.from(weights.tensors, ([name, { shape, dtype: own, begin, end }]) => {
          if (isReadable(own)) return { name, shape, data: () => weights.read(name) }
          const bytes = () => {
            const all = new Uint8Array(end - begin)
            weights.readBytes(name, all)
            return all
          }
          return { name, shape, dtype: own, bytes } // the ids of a smaller head
        }),
        { dtype },
      )
    } finally {
      weights.close()
    }
    // config.json is written last: its presence says that the folder is whole.
    withDataErrors(() => writeWhole(join(to, "config.json"), configText({ ...own, ...config, dtype })))
  })
