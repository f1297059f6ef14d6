/** Models that commands open. */
import { loadModel } from "@winnow/models"
import { Effect } from "effect"

/**
 * The model of a folder, freed with the scope.
 *
 * @error DataError or InvalidInput for a folder that holds no whole model
 */
export const openModel = (folder: string) =>
  Effect.acquireRelease(loadModel(folder), (model) => Effect.sync(() => model.dispose()))
