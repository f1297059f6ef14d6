/** SHA-256 of the weights behind a run's figures: the target, the starts, the references and the arms. */
import type { DataError } from "@winnow/core"
import { Effect } from "effect"
import type { Graph } from "../graph.ts"
import { filesOfFolder, modelDirectory } from "../stages/folder.ts"
import type { Artifact } from "../store/store.ts"
import type { WeightsRecord } from "./header.ts"

const isWeights = (path: string): boolean => path.endsWith(".safetensors")

/** The weights of a folder, hashed at the beginning of the run and unchanged since. */
const weightsIn = ({ manifest }: Artifact) =>
  Object.entries(filesOfFolder(manifest)).flatMap(([file, sha256]) => (isWeights(file) ? [{ file, sha256 }] : []))

/** The weights of an artifact that was trained here, from its manifest. */
const weightsOf = ({ manifest }: Artifact) =>
  manifest.files.filter(({ path }) => isWeights(path)).map(({ path, sha256 }) => ({ file: path, sha256 }))

/**
 * The weights of a run, one entry for each file: the target first if any stage reads it, then those of each row under each
 * seed.
 *
 * @error DataError for a folder that has changed since the run began
 */
export const weightsOfRun = (
  graph: Graph,
  artifacts: ReadonlyMap<string, Artifact>,
): Effect.Effect<Array<WeightsRecord>, DataError> =>
  Effect.gen(function* () {
    const filesOf = (artifact: Artifact) =>
      Effect.map(modelDirectory(artifact), (folder) =>
        folder === artifact.directory ? weightsOf(artifact) : weightsIn(artifact),
      )
    // A run may read no target.
    const target = artifacts.get(graph.target.key)
    const ofTarget = target === undefined ? [] : yield* filesOf(target)
    const drafts = yield* Effect.forEach(graph.measured, ({ name, seed, trained }) => {
      const artifact = artifacts.get(trained.key)
      const files = artifact === undefined ? Effect.succeed([]) : filesOf(artifact)
      return Effect.map(files, (all) => all.map((file) => ({ name, seed, ...file })))
    })
    return [...ofTarget.map((file) => ({ name: "target", seed: null, ...file })), ...drafts.flat()]
  })
