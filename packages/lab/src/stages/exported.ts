/** A trained draft as the folder that other programs open: what is measured on it was read from that folder. */
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { copyModelFolder, parameterCount, readArchitecture } from "@winnow/models"
import { Effect } from "effect"
import { configIds } from "../export/config-ids.ts"
import { exportedTokenizer } from "../export/tokenizer-files.ts"
import { io } from "../export/whole-folder.ts"
import { knownFamilies } from "../families.ts"
import { type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import { modelDirectory } from "./folder.ts"
import { partFolder } from "./trained-model.ts"

/** The summary of an export. */
export interface ExportedSummary {
  readonly parameters: number
  readonly files: number
  readonly bytes: number
  /** Bytes of the trained part alone, where only a part was trained; null where all of it was. */
  readonly partBytes: number | null
}

const bytesOf = (folder: string, names: ReadonlyArray<string>): number =>
  names.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)

/** The stage of an export, in float32. */
export const exportedStage = (
  label: string,
  { draft, tokenizer }: { readonly draft: Stage; readonly tokenizer: Stage },
): Stage =>
  stage({
    kind: "export",
    label,
    config: {},
    inputs: [draft, tokenizer],
    code: stageCode({ revisions: ["training", "text"], tensors: false }),
    run: ({ directory, inputs: [model, words] }) =>
      Effect.gen(function* () {
        const from = yield* modelDirectory(model!)
        const architecture = yield* readArchitecture(from, yield* knownFamilies)
        const { files, ids } = yield* exportedTokenizer(words!, undefined, architecture.maxLength)
        yield* copyModelFolder(from, directory, { dtype: "float32", config: configIds(architecture, ids) })
        return yield* io((): Record<keyof ExportedSummary, number | null> => {
          for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
          const names = ["model.safetensors", "config.json", ...Object.keys(files)]
          const part = join(model!.directory, partFolder)
          return {
            parameters: parameterCount(architecture),
            files: names.length,
            bytes: bytesOf(directory, names),
            partBytes: existsSync(part) ? bytesOf(part, readdirSync(part)) : null,
          }
        })
      }),
  })
