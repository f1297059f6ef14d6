/** SHA-256 of the weights that a run's figures are of: the target, the starts, the references and the arms. */
import { readdirSync } from "node:fs"
import { join } from "node:path"
import type { DataError } from "@winnow/core"
import { sha256OfFile } from "@winnow/files"
import { Effect } from "effect"
import type { Graph } from "../graph.ts"
import { targetDirectory } from "../stages/pretrained.ts"
import type { Artifact } from "../store/store.ts"
import type { WeightsRecord } from "./schema.ts"

const isWeights = (path: string): boolean => path.endsWith(".safetensors")

/** The weights of a folder, hashed as they lie there. */
const weightsIn = (folder: string) =>
  readdirSync(folder)
    .filter(isWeights)
    .toSorted()
    .map((file) => ({ file, sha256: sha256OfFile(join(folder, file)) }))

/** Those of an artifact that was trained here, as its manifest has them. */
const weightsOf = ({ manifest }: Artifact) =>
  manifest.files.filter(({ path }) => isWeights(path)).map(({ path, sha256 }) => ({ file: path, sha256 }))

/**
 * The weights of a run, one a file: the target first, then those of each row under each seed.
 *
 * @error DataError for a target's folder that is not what it was when the run began
 */
export const weightsOfRun = (
  graph: Graph,
  artifacts: ReadonlyMap<string, Artifact>,
): Effect.Effect<Array<WeightsRecord>, DataError> =>
  Effect.gen(function* () {
    const target = artifacts.get(graph.target.key)!
    const folder = yield* targetDirectory(target)
    const ofTarget = folder === target.directory ? weightsOf(target) : weightsIn(folder)
    const drafts = graph.measured.flatMap(({ name, seed, trained }) => {
      const artifact = artifacts.get(trained.key)
      return artifact === undefined ? [] : weightsOf(artifact).map((file) => ({ name, seed, ...file }))
    })
    return [...ofTarget.map((file) => ({ name: "target", seed: null, ...file })), ...drafts]
  })
