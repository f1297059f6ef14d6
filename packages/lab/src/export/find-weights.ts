/** The artifacts of a model of a run: its weights by their SHA-256, and the tokenizer that it was trained with. */
import { join } from "node:path"
import { DataError, InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import { filesOfFolder } from "../stages/folder.ts"
import { type Artifact, makeStore, type StoreService } from "../store/store.ts"
import { type ChosenModel, modelTitle } from "./chosen-model.ts"

/** Stages whose artifacts are models. */
const kinds = ["arm", "start", "earlier", "reference", "target"] as const

/** The stores that may have a run's artifacts: the user's own, and that of a repeat of the run. */
export const storesOf = (home: string, run: string): ReadonlyArray<StoreService> => [
  makeStore(home),
  makeStore(join(home, "repeats", run)),
]

/** A sentence on how to get an artifact back. */
const getBack = ({ run }: ChosenModel, home: string): string =>
  `git keeps no weights, and \`winnow clean\` removes those that no recent run needs. ` +
  `\`bun run experiment --repeat ${run.run}\` trains them again, into ${join(home, "repeats", run.run)}: then export again`

/** The stage of a model with missing weights, where the store has the same stage with other weights. */
const computedAgain = (store: StoreService, { run, name, seed }: ChosenModel): boolean =>
  run.stages.some(
    ({ kind, key, label }) =>
      (label === `arm ${name}, seed ${seed}` || (name === "target" && kind === "target")) &&
      store.manifests(kind).some((manifest) => manifest.key === key),
  )

/**
 * The artifact that has a model's weights, whole and with the bytes behind the record's figures.
 *
 * @param home the store's folder
 * @error DataError where no store has these bytes: says how to get them back
 * @error InvalidInput for a model whose weights this run did not write
 */
export const findWeights = Effect.fnUntraced(function* (
  model: ChosenModel,
  home: string,
): Effect.fn.Return<Artifact, DataError | InvalidInput> {
  const { run, name, seed } = model
  const what = `run ${run.run}, ${modelTitle(model)}`
  const refuse = (problem: string) => new InvalidInput({ what, problems: [problem] })
  const files = run.weights.filter((one) => one.name === name && one.seed === seed)
  if (files.length === 0)
    return yield* refuse("has no SHA-256 of its weights in run.json, which an earlier version wrote; run it again")
  // Beside a model may be its adapters, or its private part, alone.
  const { file, sha256 } =
    files.find((one) => one.file === "model.safetensors" || one.file === "head.safetensors") ?? files[0]!
  for (const store of storesOf(home, run.run))
    for (const kind of kinds) {
      const manifest = store.manifests(kind).find((manifest) => manifest.files.some((one) => one.sha256 === sha256))
      const artifact = manifest && (yield* store.seek(kind, manifest.key))
      if (artifact === undefined) continue
      if (file === "model.safetensors" || file === "head.safetensors") return artifact
      return yield* refuse(`has its weights in ${files.map((one) => one.file).join(", ")}, expected model.safetensors`)
    }
  const folder = storesOf(home, run.run)
    .flatMap((store) => kinds.flatMap((kind) => store.manifests(kind)))
    .find(
      (manifest) =>
        typeof manifest.summary["path"] === "string" && Object.values(filesOfFolder(manifest)).includes(sha256),
    )
  if (folder !== undefined)
    return yield* refuse(`is the folder ${String(folder.summary["path"])} as it stands: give that to the engine`)
  const [store] = storesOf(home, run.run) as [StoreService]
  const why = computedAgain(store, model)
    ? `the store ${home} has it computed again with other bytes than the record's figures are of; \`bun run winnow runs\` lists ` +
      "the run that computed it, beside this one: export that"
    : `its weights are not in the store ${home}: ${getBack(model, home)}`
  return yield* new DataError({ message: `${what}: ${why}` })
})

/** The tokenizer's artifact of a run. @error DataError where no store has it: says how to get it back */
export const findTokenizer = Effect.fnUntraced(function* (
  model: ChosenModel,
  home: string,
): Effect.fn.Return<Artifact, DataError> {
  const { run } = model
  const stage = run.stages.find(({ kind }) => kind === "tokenizer")
  for (const store of stage === undefined ? [] : storesOf(home, run.run)) {
    const tokenizer = yield* store.seek("tokenizer", stage!.key)
    if (tokenizer !== undefined) return tokenizer
  }
  const message = `run ${run.run}: its tokenizer is not in the store ${home}: ${getBack(model, home)}`
  return yield* new DataError({ message })
})
