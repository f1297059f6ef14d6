/** A head of a finished run, written to a folder: as Winnow reads it, or in the layout of a serving engine. */
import { copyFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Engine, type HeadUse, InvalidInput } from "@winnow/core"
import { sha256OfFile } from "@winnow/files"
import { type HeadFolderSettings, readHeadSettings, saveHeadFor } from "@winnow/models"
import { Effect } from "effect"
import { pluginFrom } from "../outside/plugin-from.ts"
import type { StageError } from "../stage.ts"
import { openOwnHead, openOwnModel } from "../stages/models.ts"
import type { Artifact } from "../store/store.ts"
import { type ChosenModel, modelTitle } from "./chosen-model.ts"
import type { Exported, ExportRequest } from "./export-request.ts"
import { storesOf } from "./find-weights.ts"
import { io, wholeFolder } from "./whole-folder.ts"

const files = { winnow: ["head.safetensors", "head.json"], engine: ["model.safetensors", "config.json"] } as const

/** The use of a folder, in its README.md. */
const usage = (to: string, engine: Engine | undefined): string => {
  if (engine === undefined)
    return `\`\`\`sh\nwinnow generate --target TARGET --draft ${to} --prompt "..."\nwinnow evaluate --target TARGET --draft ${to} --prompts FILE\n\`\`\``
  return engine === "vllm"
    ? `\`\`\`sh\nvllm serve TARGET --speculative-config '{"model": "${to}", "num_speculative_tokens": N}'\n\`\`\``
    : `\`\`\`sh\npython -m sglang.launch_server --model TARGET --speculative-draft-model-path ${to}\n\`\`\``
}

const readme = (model: ChosenModel, head: HeadFolderSettings, to: string, engine: Engine | undefined): string =>
  `# ${modelTitle(model)} of run ${model.run.run}

Head \`${head.name}\` with options \`${JSON.stringify(head.options)}\`, trained by Winnow on the hidden states of the run's
target, which stays as it was. It proposes tokens of that target alone: \`winnow export ${model.run.run} target\` writes it.

${usage(to, engine)}
`

/** The target of a run, in one of the stores that may have it. */
const targetOf = (model: ChosenModel, home: string) =>
  Effect.gen(function* () {
    const key = model.run.stages.find(({ kind }) => kind === "target")?.key
    for (const store of key === undefined ? [] : storesOf(home, model.run.run)) {
      const artifact = yield* store.seek("target", key!)
      if (artifact !== undefined) return artifact
    }
    return yield* new InvalidInput({
      what: `run ${model.run.run}`,
      problems: ["its target is not in the store any more, and an engine's folder of a head is checked against it"],
    })
  })

/** Writes the engine's files of a head. */
const writeFor = (engine: Engine, head: HeadFolderSettings, artifact: Artifact, target: Artifact, folder: string) =>
  Effect.gen(function* () {
    // The kind is checked, and a plugin of this kind has no other type.
    const use = (yield* pluginFrom("head", `head ${head.name}`, JSON.stringify(head))) as HeadUse
    const model = yield* openOwnModel(target)
    const own = yield* openOwnHead(artifact, use, model, undefined)
    yield* saveHeadFor(engine, own, folder)
  }).pipe(Effect.scoped)

/**
 * Writes a head of a run to a folder.
 *
 * @param artifact has head.json
 * @error InvalidInput for a number format, and for an engine that does not read this head
 */
export const exportHead = (
  model: ChosenModel,
  artifact: Artifact,
  to: string,
  { dtype, engine, home }: Pick<ExportRequest, "dtype" | "engine" | "home">,
): Effect.Effect<Exported, StageError> =>
  Effect.gen(function* () {
    if (dtype !== "float32")
      return yield* new InvalidInput({
        what: `--dtype ${dtype}`,
        problems: ["a head is written in float32, as the run has it; leave out --dtype"],
      })
    // `findWeights` found a head's weights, so head.json is there.
    const head = (yield* readHeadSettings(artifact.directory))!
    const recorded = artifact.manifest.files.find(({ path }) => path === "head.safetensors")!.sha256
    const target = engine && (yield* targetOf(model, home))
    return yield* wholeFolder(to, (folder) =>
      Effect.gen(function* () {
        if (engine) yield* writeFor(engine, head, artifact, target!, folder)
        else
          yield* io(() => {
            for (const file of files.winnow) copyFileSync(join(artifact.directory, file), join(folder, file))
          })
        const written = [...(engine ? files.engine : files.winnow), "README.md"]
        yield* io(() => writeFileSync(join(folder, "README.md"), readme(model, head, to, engine)))
        return {
          ...{ directory: to, run: model.run.run, name: model.name, seed: model.seed, dtype },
          parameters: Number(artifact.manifest.summary["parameters"]),
          decodes: engine === undefined,
          files: written.map((file) => ({ file, bytes: statSync(join(folder, file)).size })),
          sha256: { exported: yield* io(() => sha256OfFile(join(folder, written[0]!))), recorded },
          notes: engine ? [`the layout of ${engine}; README.md has its command`] : [],
        }
      }),
    )
  })
