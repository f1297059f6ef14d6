/** A model of a finished run, written to a folder that other engines open. */
import { existsSync, statSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { InvalidInput } from "@winnow/core"
import { sha256OfFile } from "@winnow/files"
import { localFolder } from "@winnow/hub"
import { copyModelFolder, parameterCount, privateFormOf, readArchitecture } from "@winnow/models"
import { Effect } from "effect"
import { knownFamilies } from "../families.ts"
import { readRun } from "../runs/read-run.ts"
import type { StageError } from "../stage.ts"
import { modelCard } from "./card.ts"
import { type ChosenModel, chosenModel, isMeasured, modelRunOf } from "./chosen-model.ts"
import { configIds } from "./config-ids.ts"
import { exportHead } from "./export-head.ts"
import type { Exported, ExportRequest } from "./export-request.ts"
import { findTokenizer, findWeights } from "./find-weights.ts"
import { licencesOf } from "./licences.ts"
import { type ExportedTokenizer, exportedTokenizer } from "./tokenizer-files.ts"
import { io, wholeFolder } from "./whole-folder.ts"

/** The path of the tokenizer that an experiment read from a file; a reference where its folder is unavailable now. */
const tokenizerFileOf = ({ config }: ChosenModel["run"]): Effect.Effect<string | undefined> => {
  const { tokenizer } = config as { readonly tokenizer?: { readonly path?: unknown } }
  const path = tokenizer?.path
  if (typeof path !== "string") return Effect.succeed(undefined)
  return Effect.catch(localFolder(path), () => Effect.succeed(path))
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

/**
 * Settings of `generate` in transformers: the special tokens and, for a draft, the number of proposals a call behind its
 * figures. They turn off the threshold and the schedule by which transformers would change that number.
 */
const generationConfig = ({ run, row }: ChosenModel, { ids }: ExportedTokenizer) => ({
  ...(ids.bos_token_id !== null && { bos_token_id: ids.bos_token_id }),
  eos_token_id: ids.eos_token_id,
  pad_token_id: ids.pad_token_id,
  ...(row !== undefined &&
    !isMeasured(run) && {
      num_assistant_tokens: run.conditions.gamma,
      num_assistant_tokens_schedule: "constant",
      assistant_confidence_threshold: 0,
    }),
})

/**
 * Writes a model of a run to a folder: weights, config.json, tokenizer, generation_config.json, chat template, README.md.
 *
 * @error InvalidInput for a folder that exists, a model that the run does not have, or one too large for the number format
 * @error DataError where the weights are not in the store any more, or a file cannot be read or written
 */
export const exportModel = (request: ExportRequest): Effect.Effect<Exported, StageError> =>
  Effect.gen(function* () {
    const { dtype, home } = request
    const to = resolve(request.to)
    if (existsSync(to)) {
      const problems = ["is there already; give the name of a folder that is to be made, or remove that one"]
      return yield* new InvalidInput({ what: `--to ${request.to}`, problems })
    }
    const run = yield* Effect.flatMap(readRun(request.directory), modelRunOf)
    const model = yield* chosenModel(run, request.name, request.seed)
    const weights = yield* findWeights(model, home)
    if (weights.manifest.files.some(({ path }) => path === "head.json"))
      return yield* exportHead(model, weights, to, request)
    if (request.engine !== undefined)
      return yield* new InvalidInput({
        what: `--for ${request.engine}`,
        problems: ["is of heads; a model's folder is read by every engine as it is, so leave it out"],
      })
    const architecture = yield* readArchitecture(weights.directory, yield* knownFamilies)
    const tokenizer = yield* exportedTokenizer(
      yield* findTokenizer(model, home),
      yield* tokenizerFileOf(run),
      architecture.maxLength,
    )
    const licences = yield* licencesOf(run)
    const recorded = weights.manifest.files.find(({ path }) => path === "model.safetensors")!.sha256
    const ofPrivate =
      privateFormOf(architecture) === undefined
        ? []
        : [
            "Other engines leave the private part out (private_feed_forward in config.json): mergePrivate or saveMixtral of @winnow/models write it as a model that they know.",
          ]
    const notes = [...ofPrivate, ...tokenizer.notes, ...tokenizer.tokenizer.notes.map((note) => `Tokenizer: ${note}`)]
    return yield* wholeFolder(to, (folder) =>
      Effect.gen(function* () {
        yield* copyModelFolder(weights.directory, folder, { dtype, config: configIds(architecture, tokenizer.ids) })
        const exported = yield* io(() => sha256OfFile(join(folder, "model.safetensors")))
        const sha256 = { exported, recorded }
        const card = modelCard({
          ...{ model, architecture, dtype, sha256, licences, notes, folder: to },
          ...{ command: request.command, ids: tokenizer.ids },
        })
        const texts = {
          ...tokenizer.files,
          // An encoder generates nothing.
          ...(architecture.attends === "before" && {
            "generation_config.json": json(generationConfig(model, tokenizer)),
          }),
          "README.md": card,
        }
        yield* io(() => {
          for (const [name, text] of Object.entries(texts)) writeFileSync(join(folder, name), text)
        })
        const files = ["model.safetensors", "config.json", ...Object.keys(texts)]
        return {
          directory: to,
          run: run.run,
          name: model.name,
          seed: model.seed,
          parameters: parameterCount(architecture),
          decodes: architecture.attends === "before",
          dtype,
          files: files.map((file) => ({ file, bytes: statSync(join(folder, file)).size })),
          sha256,
          notes,
        }
      }),
    )
  })
