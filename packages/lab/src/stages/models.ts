/** Models of artifacts, held open for as long as the scope that asked for them. */
import type { DataError, InvalidInput, Model } from "@winnow/core"
import { loadModel } from "@winnow/models"
import { Effect, type Scope } from "effect"
import type { StageError } from "../stage.ts"
import type { Artifact } from "../store/store.ts"
import { targetDirectory } from "./pretrained.ts"

/** A model that is freed with the scope. */
export const held = (
  make: Effect.Effect<Model, DataError | InvalidInput>,
): Effect.Effect<Model, StageError, Scope.Scope> =>
  Effect.acquireRelease(make, (model) => Effect.sync(() => model.dispose()))

/** The model of a training artifact (or of a folder), freed with the scope. */
export const openModel = (directory: string) => held(loadModel(directory))

/** The target of an artifact, trained here or from a folder, freed with the scope. */
export const openTarget = (artifact: Artifact) => Effect.flatMap(targetDirectory(artifact), openModel)
