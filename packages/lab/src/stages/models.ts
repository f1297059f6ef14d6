/** Models of artifacts, held open for as long as the scope that asked for them. */
import type { DataError, Decoder, InvalidInput } from "@winnow/core"
import { loadDecoder } from "@winnow/models"
import { Effect, type Scope } from "effect"
import { knownFamilies } from "../families.ts"
import type { StageError } from "../stage.ts"
import type { Artifact } from "../store/store.ts"
import { modelDirectory } from "./folder.ts"

/** A model that is freed with the scope. */
export const held = (
  make: Effect.Effect<Decoder, DataError | InvalidInput>,
): Effect.Effect<Decoder, StageError, Scope.Scope> =>
  Effect.acquireRelease(make, (model) => Effect.sync(() => model.dispose()))

/** The model of an artifact, trained here or from a folder, freed with the scope. */
export const openModel = (artifact: Artifact): Effect.Effect<Decoder, StageError, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = yield* modelDirectory(artifact)
    return yield* held(loadDecoder(directory, yield* knownFamilies))
  })
