/**
 * Models of artifacts. Frozen ones are shared by the stages of a process: loaded once, and freed a while after the last stage
 * has let go of them. A model that a stage trains is its own.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import {
  asDecoder,
  askedByMasks,
  type DataError,
  type Decoder,
  type Draft,
  type DraftHead,
  type Encoder,
  type HeadUse,
  InvalidInput,
  type Masking,
  type PieceOf,
} from "@winnow/core"
import { loadHead, loadModel, withTrunk } from "@winnow/models"
import { Context, Effect, Layer, RcMap, type Scope } from "effect"
import { knownFamilies } from "../families.ts"
import type { StageError } from "../stage.ts"
import { keyOf } from "../store/key.ts"
import type { Artifact } from "../store/store.ts"
import { modelDirectory, rowsOfFolder } from "./folder.ts"
import { openTokenizer } from "./text.ts"

/** A model or a head that is freed with the scope. */
export const acquire = <D extends Draft>(
  make: Effect.Effect<D, DataError | InvalidInput>,
): Effect.Effect<D, StageError, Scope.Scope> =>
  Effect.acquireRelease(make, (model) => Effect.sync(() => model.dispose()))

/** The model of a folder, or its first rows of the vocabulary, freed with the scope. */
export const loadFrom = (directory: string, rows?: number): Effect.Effect<Encoder, StageError, Scope.Scope> =>
  Effect.flatMap(knownFamilies, (families) => acquire(loadModel(directory, families, { rows })))

/** A model of a stage's own, which it may train, from an artifact; freed with the scope. */
export const openOwnModel = (artifact: Artifact): Effect.Effect<Encoder, StageError, Scope.Scope> =>
  Effect.flatMap(modelDirectory(artifact), (directory) => loadFrom(directory, rowsOfFolder(artifact)))

/**
 * A head of a stage's own, which it may train, from an artifact; freed with the scope. The target stays frozen.
 *
 * @param tokenizer for a head that reads the text of tokens
 */
export const openOwnHead = (
  artifact: Artifact,
  head: HeadUse,
  target: Encoder,
  tokenizer: Artifact | undefined,
): Effect.Effect<DraftHead, StageError, Scope.Scope> =>
  Effect.gen(function* () {
    const instance = yield* head.instance
    const pieceOf = tokenizer && (yield* piecesOf(tokenizer))
    const alone = loadHead(artifact.directory, instance, target, { pieceOf })
    const trunk = join(artifact.directory, trunkFolder)
    if (!existsSync(trunk)) return yield* acquire(alone)
    const families = yield* knownFamilies
    return yield* acquire(
      Effect.flatMap(alone, (opened) =>
        loadModel(trunk, families).pipe(
          Effect.map((model) => withTrunk(opened, model)),
          Effect.onError(() => Effect.sync(() => opened.dispose())),
        ),
      ),
    )
  })

/** The folder, in the artifact of a head, of the copy of the target that is trained with it. */
export const trunkFolder = "trunk"

/** The text of each token of a tokenizer. */
export const piecesOf = (artifact: Artifact): Effect.Effect<PieceOf, StageError> =>
  Effect.map(openTokenizer(artifact), ({ decode }) => {
    const known = new Map<number, string>()
    return (id) => {
      const piece = known.get(id) ?? decode([id])
      known.set(id, piece)
      return piece
    }
  })

/** True for a head that reads the text of tokens: its stages open the tokenizer. */
export const readsPieces = (head: HeadUse | undefined): boolean => head?.reads.includes("pieceOf") ?? false

/** Hashes of the files that hold a model's numbers, wherever they are. */
export const weightsOf = ({ manifest }: Artifact): string => {
  const { config } = manifest.made as { config?: { files?: Record<string, string> } }
  const own = manifest.files.filter(({ path }) => path.endsWith(".safetensors") || path === "config.json")
  return keyOf(config?.files ?? Object.fromEntries(own.map(({ path, sha256 }) => [path, sha256])))
}

/** Frozen models by artifact. Without `sharedModels` each scope has its own. */
export const Models = Context.Reference<{
  /** The model of an artifact, trained here or from a folder; nobody may change it. */
  readonly open: (artifact: Artifact) => Effect.Effect<Encoder, StageError, Scope.Scope>
}>("@winnow/lab/Models", { defaultValue: () => ({ open: openOwnModel }) })

/** A frozen model, held until the scope ends. */
export const openModel = (artifact: Artifact): Effect.Effect<Encoder, StageError, Scope.Scope> =>
  Effect.flatMap(Effect.service(Models), ({ open }) => open(artifact))

/** A frozen reference, held until the scope ends; one that attends both ways is asked by masks. */
export const openReference = (
  artifact: Artifact,
  masking: Masking | undefined,
): Effect.Effect<Encoder, StageError, Scope.Scope> =>
  Effect.map(openModel(artifact), (model) => (masking ? askedByMasks(model, masking) : model))

/**
 * A frozen model that decodes.
 *
 * @param what the model in the error
 * @error InvalidInput for one that attends both ways, which `resolve` and the graph refuse before any work
 */
export const openDecoder = (artifact: Artifact, what: string): Effect.Effect<Decoder, StageError, Scope.Scope> =>
  Effect.flatMap(openModel(artifact), (model) =>
    Effect.try({
      try: () => asDecoder(model, what),
      catch: (cause) => {
        if (cause instanceof InvalidInput) return cause
        throw cause
      },
    }),
  )

/** Long enough for the next stage to begin, so that a target is not read again for each arm. */
const idle = "5 seconds"

/**
 * Shares the frozen models of a process. A model is identified by its folder and the hashes of its files, so an artifact that
 * was computed again counts as another model. All are freed when the layer ends.
 *
 * @param load reads the model of a folder; tests count it
 */
export const sharedModels = (load = loadFrom): Layer.Layer<never> =>
  Layer.effect(
    Models,
    Effect.gen(function* () {
      const folders = new Map<string, readonly [directory: string, rows: number | undefined]>()
      const models = yield* RcMap.make({
        lookup: (key: string) => load(...folders.get(key)!),
        idleTimeToLive: idle,
      })
      return {
        open: (artifact) =>
          Effect.gen(function* () {
            const directory = yield* modelDirectory(artifact)
            const rows = rowsOfFolder(artifact)
            const key = keyOf({ directory, weights: weightsOf(artifact), ...(rows !== undefined && { rows }) })
            folders.set(key, [directory, rows])
            // A failure is not cached: the files may be mended.
            return yield* RcMap.get(models, key).pipe(Effect.tapError(() => RcMap.invalidate(models, key)))
          }),
      }
    }),
  )
