/**
 * The private part of a draft for a new target, from prompts: the target writes the text, the private part is trained on it,
 * and the shared part stays a file of its own. Each step is a stage of the store, so that a stopped adaptation goes on.
 */
import { copyFileSync, existsSync, readdirSync } from "node:fs"
import { resolve as absolute, join } from "node:path"
import { type Datasets, InvalidInput } from "@winnow/core"
import { preflight } from "@winnow/data"
import {
  firstRows,
  firstRowsOfHead,
  isPrivateHead,
  parameterCount,
  placePrivate,
  placePrivateHead,
  readArchitecture,
  sharedFiles,
} from "@winnow/models"
import { Effect } from "effect"
import { headParameters } from "../budget.ts"
import { resolve } from "../experiment/resolve.ts"
import type { Resolved } from "../experiment/resolved.ts"
import { io, wholeFolder } from "../export/whole-folder.ts"
import { Families, knownFamilies } from "../families.ts"
import { buildGraph, type Graph } from "../graph.ts"
import { logged } from "../live/logged.ts"
import { tryPlugins } from "../preflight/try-plugins.ts"
import { Progress } from "../progress.ts"
import { commit, versions } from "../record/machine.ts"
import { runName } from "../record/name.ts"
import { checkModels, runnerOf, sizesFrom } from "../run.ts"
import { runNeeded, runStages } from "../schedule/run-all.ts"
import { inOrder, type StageError } from "../stage.ts"
import { sharedModels } from "../stages/models.ts"
import { openTokenizer, readSplit } from "../stages/text.ts"
import { partFolder } from "../stages/trained-model.ts"
import { Store } from "../store/store.ts"
import { readTexts, type Texts } from "../texts.ts"
import { checkProcesses, promptsSource } from "./launched.ts"
import { type AdaptRequest, experimentOf } from "./request.ts"

/** The folder of the shared part, beside those of the private ones. */
export const sharedFolder = "shared"

/** A finished adaptation. */
export interface Adapted {
  /** The folder of the private part; it opens as a model. */
  readonly directory: string
  readonly shared: string
  readonly name: string
  readonly parameters: { readonly private: number; readonly whole: number }
  /** Texts by the target, and those that were read. */
  readonly texts: { readonly written: number; readonly read: number; readonly leftOut: number }
  readonly training: { readonly steps: number; readonly seconds: number; readonly finalLoss: number }
  /** Stages that this call computed; 0 if the store had all of them. */
  readonly computed: number
}

/** Files beside the weights that belong to a model's folder. */
const beside =
  /^(config\.json|generation_config\.json|tokenizer.*\.json|tokenizer\.model|special_tokens_map\.json|vocab\.(json|txt)|merges\.txt|chat_template\.\w+|model.*\.safetensors(\.index\.json)?|head\.(json|safetensors))$/

/** Faults of the folders, before any work. @error InvalidInput with all of them */
const checkFolders = ({ draft, to, name, head }: AdaptRequest): Effect.Effect<void, StageError> =>
  Effect.gen(function* () {
    const problems: Array<string> = []
    if (!/^[a-z0-9][a-z0-9-]{0,39}$/.test(name) || name === sharedFolder)
      problems.push(`--name ${name}: expected lower-case letters, digits and hyphens, and not ${sharedFolder}`)
    if (existsSync(join(to, name)))
      problems.push(`${join(to, name)} is there already; give another --name, or remove that folder`)
    const sum = head ? firstRowsOfHead : firstRows
    if (yield* io(() => (head ? isPrivateHead(draft) : sharedFiles(draft).length > 0)))
      problems.push(`--draft ${draft} is a private part; give the shared part that it stands beside`)
    const shared = join(to, sharedFolder)
    if (
      problems.length === 0 &&
      existsSync(shared) &&
      (yield* io(() => !hasWeights(shared, head) || sum(shared) !== sum(draft)))
    )
      problems.push(`${shared} is another draft than ${draft}; give another --to, or that draft`)
    if (problems.length > 0) return yield* new InvalidInput({ what: "adapt", problems })
  })

/** An adaptation whose stages are known. */
interface Planned {
  readonly resolved: Resolved
  readonly texts: Texts
  readonly graph: Graph
  /** Of the trial of its plugins. */
  readonly notes: ReadonlyArray<string>
}

/** True of a folder with a draft of the asked kind. */
const hasWeights = (folder: string, head: AdaptRequest["head"]): boolean =>
  existsSync(join(folder, "head.json")) === (head !== undefined)

const count = (summary: Readonly<Record<string, unknown>>, name: string): number => Number(summary[name] ?? 0)

/**
 * Adapts a draft to a target. The launcher computes the target's text and the training.
 *
 * @error InvalidInput for folders that are taken or do not go together, and prompts that are none; DataError for files that
 * cannot be read or written; TrainingStopped
 */
export const adapt = (request: AdaptRequest): Effect.Effect<Adapted, StageError, Datasets | Store | Progress> =>
  Effect.gen(function* () {
    yield* checkFolders(request)
    yield* checkProcesses(request)
    const store = yield* Store
    const resolved = yield* resolve(experimentOf(request))
    return yield* Effect.gen(function* () {
      const notes = yield* tryPlugins(resolved)
      const texts = yield* readTexts(resolved)
      const graph = yield* buildGraph(resolved, texts, (data) => sizesFrom(store.find(data.kind, data.key)))
      yield* checkModels(resolved, texts, graph)
      const facts = {
        ...{ experiment: "adapt", part: request.name, preset: null, question: resolved.question },
        ...{ run: runName(resolved, graph), directory: absolute(request.to, request.name), seeds: resolved.seeds },
        arms: resolved.arms.map(({ name }) => name),
      }
      return yield* logged(facts, adaptPlanned(request, { resolved, texts, graph, notes }), () => false)
    }).pipe(Effect.provideService(Families, resolved.families), Effect.provide(sharedModels()))
  })

/** The body of an adaptation, after the plan of its stages. */
const adaptPlanned = (
  request: AdaptRequest,
  { resolved, texts, graph, notes }: Planned,
): Effect.Effect<Adapted, StageError, Datasets | Store | Progress> =>
  Effect.gen(function* () {
    const { report } = yield* Progress
    for (const text of notes) report({ _tag: "note", text })
    const made = { versions: { ...versions(), commit: commit() } }
    const encoded = yield* runStages([graph.data, ...graph.texts], made)
    const split = yield* readSplit(encoded.get(graph.data.key)!, "train")
    const tokenizer = yield* openTokenizer(encoded.get(graph.tokenizer.key)!)
    const models = [graph.architectures.target, graph.architectures.draft].map(({ vocabularySize, maxLength }, i) => ({
      ...{ name: i === 0 ? "target" : "draft", vocabularySize, maxLength },
    }))
    const { warnings } = yield* preflight({ encoded: split, tokenizer, models })
    for (const text of warnings) report({ _tag: "note", text })
    const { trained, name, seed, head } = graph.measured.find(({ role }) => role === "arm")!
    report({ _tag: "rows", rows: [{ name, role: "arm", seed, trained: trained.key, figures: [] }] })
    const source = promptsSource(request.plugins)
    const artifacts = yield* runNeeded([trained], { ...made, have: { artifacts: encoded } }).pipe(
      Effect.provide(runnerOf(resolved, graph, { slug: `adapt-${request.name}`, source }, texts)),
    )
    const artifact = artifacts.get(trained.key)!
    const text = artifacts.get(inOrder([trained]).find(({ kind }) => kind === "text")!.key)!
    const [shared, directory] = [join(request.to, sharedFolder), join(request.to, request.name)].map((path) =>
      absolute(path),
    ) as [string, string]
    if (!existsSync(shared))
      yield* wholeFolder(shared, (into) =>
        io(() => {
          for (const name of readdirSync(request.draft).filter((name) => beside.test(name)))
            copyFileSync(join(request.draft, name), join(into, name))
        }),
      )
    const place = head ? placePrivateHead : placePrivate
    yield* wholeFolder(directory, (into) => place(join(artifact.directory, partFolder), into, shared))
    const whole = head
      ? headParameters((yield* head.instance).on(graph.architectures.target))
      : parameterCount(yield* readArchitecture(directory, yield* knownFamilies))
    const { summary } = artifact.manifest
    const ofText = text.manifest.summary["train"] as { readonly examples: number; readonly dropped: number }
    const selection = inOrder([trained]).findLast(({ kind }) => kind === "selection")
    const chosen = selection && artifacts.get(selection.key)!.manifest.summary
    return {
      ...{ directory, shared, name: request.name },
      parameters: { private: count(summary, "trainedParameters"), whole },
      texts: {
        written: count(text.manifest.summary, "prompts"),
        read: chosen ? count(chosen, "examples") : ofText.examples,
        leftOut: ofText.dropped,
      },
      training: {
        steps: count(summary, "steps"),
        seconds: count(summary, "seconds"),
        finalLoss: count(summary, "finalLoss"),
      },
      computed: [...artifacts.values()].filter(({ reused }) => !reused).length,
    }
  })
