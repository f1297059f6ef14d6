/**
 * The artifacts of all experiments, by the content that they follow from: `artifacts/<stage>/<key>/`.
 *
 * A folder under its key is whole: it is filled as `<key>.partial` and renamed after its manifest is written. The
 * partial folder of a stopped stage stays with its checkpoints, and the next run continues in it. Folders are only
 * written and renamed under the key's lock; reading needs no lock.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs"
import { homedir } from "node:os"
import { basename, dirname, join } from "node:path"
import { DataError } from "@winnow/core"
import {
  atOnce,
  discard,
  FileError,
  fileErrorOf,
  hashingFile,
  placeFolder,
  syncFile,
  syncPath,
  writeWhole,
} from "@winnow/files"
import { Context, Effect, Layer } from "effect"
import { houseRoot } from "./code/house.ts"
import { inPieces } from "./in-pieces.ts"
import { shortKey } from "./key.ts"
import { withLock } from "./lock.ts"
import { digestOf, type Manifest, readManifest, sealed, wholeManifest } from "./manifest.ts"
import {
  artifactFiles,
  beginAttempt,
  hasCheckpoint,
  noteSeconds,
  removeOwn,
  removeTemporary,
  secondsSpent,
} from "./partial.ts"

export { Manifest } from "./manifest.ts"
export { checkpoints, hasCheckpoint } from "./partial.ts"

/** A whole artifact. */
export interface Artifact {
  readonly key: string
  readonly directory: string
  readonly manifest: Manifest
  /** True if the artifact existed before this run needed it. */
  readonly reused: boolean
  /** For an input: the part that is read. */
  readonly part?: Part | undefined
}

/** A part of an artifact: files whose names begin with its name and a dot, and a key over their origin. */
export interface Part {
  readonly name: string
  readonly key: string
}

/** Makes an artifact: fills `directory`, which may hold files of an earlier, stopped attempt. */
export interface Making<E, R> {
  readonly stage: string
  readonly key: string
  /** `keyOf(made)` is the key. */
  readonly made: Record<string, unknown>
  /** The input artifacts. A stored artifact that was computed from other bytes of them is computed again. */
  readonly inputs?: ReadonlyArray<Artifact>
  readonly versions: Record<string, unknown>
  /** Computes the artifact again even if the store has it. */
  readonly fresh?: boolean
  /** Seconds of the work that the first attempt goes on from. */
  readonly spent?: number | undefined
  readonly onWait?: (holder: string) => void
  /** Called with the reason why a stored artifact is computed again. */
  readonly onNote?: (text: string) => void
  readonly run: (directory: string) => Effect.Effect<Record<string, unknown>, E, R>
}

/** The state of a folder in the store. */
type Stored =
  | { readonly _tag: "none" }
  | { readonly _tag: "damaged"; readonly why: string }
  | { readonly _tag: "whole"; readonly artifact: Omit<Artifact, "reused"> }

function* look(directory: string, key: string, memory: string): Generator<void, Stored> {
  if (!existsSync(directory)) return { _tag: "none" }
  try {
    return { _tag: "whole", artifact: { key, directory, manifest: yield* wholeManifest(directory, key, memory) } }
  } catch (error) {
    const wrong = error instanceof FileError ? error : fileErrorOf(error, directory)
    if (wrong === undefined) throw error
    return { _tag: "damaged", why: wrong.message }
  }
}

/** The inputs of an artifact in the form of a manifest. */
const boundTo = (inputs: ReadonlyArray<Artifact>): Manifest["inputs"] =>
  inputs.map(({ key, manifest, part }) => ({
    stage: manifest.stage,
    key: part?.key ?? key,
    digest: digestOf(manifest, part?.name),
  }))

/** The reason why an artifact does not fit the stored inputs; undefined if it fits. */
const otherInput = ({ inputs: before }: Manifest, now: Manifest["inputs"]): string | undefined => {
  const at = now.findIndex(({ digest }, i) => before[i]?.digest !== digest)
  return at < 0 ? undefined : `it was computed from other bytes of ${now[at]!.stage} ${shortKey(now[at]!.key)}`
}

/** Removes leftovers of an artifact from processes that were killed in `discard`. */
const removeDiscarded = (directory: string) => {
  const isLeft = (name: string) => name.startsWith(`${basename(directory)}.`) && name.includes(".discarded-")
  for (const name of readdirSync(dirname(directory)).filter(isLeft))
    rmSync(join(dirname(directory), name), { recursive: true, force: true })
}

const refusal = (what: string) => (error: unknown) =>
  new DataError({ message: `${what}: ${fileErrorOf(error)?.message ?? String(error)}`, cause: error })

const io = <A>(what: string, run: () => A): Effect.Effect<A, DataError> =>
  Effect.try({ try: run, catch: refusal(what) })

/** The files of an artifact that is about to move into place, flushed to the disk and hashed. */
const filesOf = (partial: string, label: string): Effect.Effect<Array<Manifest["files"][number]>, DataError> =>
  Effect.forEach(artifactFiles(partial), (path) =>
    Effect.gen(function* () {
      const file = join(partial, path)
      yield* Effect.tryPromise({ try: () => syncFile(file), catch: refusal(label) })
      const sha256 = yield* inPieces(() => hashingFile(file), refusal(label))
      return { path, bytes: statSync(file).size, sha256 }
    }),
  )

export interface StoreService {
  /** The folder of the store, with artifacts and locks. */
  readonly home: string
  readonly root: string
  /**
   * Finds a stored artifact and checks it in one piece. For small artifacts: gigabytes would block Ctrl-C, see `seek`.
   */
  readonly find: (stage: string, key: string) => Artifact | undefined
  /**
   * Finds a stored artifact, and never computes one. With `inputs`, only an artifact that was computed from these
   * bytes.
   */
  readonly seek: (stage: string, key: string, inputs?: ReadonlyArray<Artifact>) => Effect.Effect<Artifact | undefined>
  /** The reason why a stored artifact cannot be used; undefined for a usable or a missing one. */
  readonly damage: (stage: string, key: string) => string | undefined
  /**
   * Artifacts of a stage by their manifests, with unverified files: for estimates. All, or those that were made or used
   * last.
   */
  readonly manifests: (stage: string, most?: number) => ReadonlyArray<Manifest>
  /** True if a stopped attempt left a checkpoint. */
  readonly partial: (stage: string, key: string) => boolean
  /** The artifact: from the store, or computed under its lock; a second process waits and then finds it. */
  readonly obtain: <E, R>(making: Making<E, R>) => Effect.Effect<Artifact, E | DataError, R>
}

/** The store of artifacts. */
export class Store extends Context.Service<Store, StoreService>()("@winnow/lab/Store") {
  /** A store in a folder; by default WINNOW_HOME, else `.winnow` of this checkout. */
  static readonly layer = (home: string = winnowHome()) => Layer.succeed(Store, makeStore(home))
}

/** The folder of artifacts: WINNOW_HOME (`~` allowed), else `.winnow` in this checkout. */
export const winnowHome = (): string => {
  const home = process.env["WINNOW_HOME"]
  return home ? home.replace(/^~(?=$|\/)/, homedir()) : join(houseRoot, ".winnow")
}

/** Marks an artifact as used now, for `winnow clean`. */
const touch = (directory: string): void => {
  try {
    const now = new Date()
    utimesSync(directory, now, now)
  } catch {
    // A read-only store keeps no such marks.
  }
}

export const makeStore = (home: string): StoreService => {
  const root = join(home, "artifacts")
  const at = (stage: string, key: string) => join(root, stage, key)
  const memoryOf = (stage: string, key: string) => join(home, "hashes", `${stage}-${key}.json`)
  const lookAt = (stage: string, key: string) => look(at(stage, key), key, memoryOf(stage, key))
  /** The usable artifact, if the store has one; `onNote` gets the reason why a stored one cannot be used. */
  function* usable(
    stage: string,
    key: string,
    inputs: ReadonlyArray<Artifact> | undefined,
    onNote?: (why: string) => void,
  ): Generator<void, Artifact | undefined> {
    const stored = yield* lookAt(stage, key)
    if (stored._tag === "none") return undefined
    const whole = stored._tag === "whole"
    const why = whole ? inputs && otherInput(stored.artifact.manifest, boundTo(inputs)) : stored.why
    if (whole && why === undefined) return { ...stored.artifact, reused: true }
    onNote?.(`the artifact ${stage} ${shortKey(key)} is computed again: ${why}`)
    return undefined
  }

  const make = <E, R>(making: Making<E, R>): Effect.Effect<Artifact, E | DataError, R> =>
    Effect.gen(function* () {
      const { stage, key, made, versions, inputs = [] } = making
      const directory = at(stage, key)
      const partial = `${directory}.partial`
      const label = `${stage} ${shortKey(key)}`
      yield* io(label, () => {
        if (making.fresh) discard(partial)
        mkdirSync(partial, { recursive: true })
        removeDiscarded(directory)
        removeTemporary(partial)
      })
      /** The old folder, damaged or outdated, stays under the key until the new artifact is whole. */
      const place = () => {
        removeOwn(partial)
        rmSync(memoryOf(stage, key), { force: true })
        placeFolder(partial, directory)
      }
      // An attempt was killed after it wrote its manifest: only the rename into place is missing.
      const left = existsSync(join(partial, "manifest.json"))
        ? yield* inPieces(() => look(partial, key, `${memoryOf(stage, key)}.partial`))
        : undefined
      const whole =
        left?._tag === "whole" && !otherInput(left.artifact.manifest, boundTo(inputs)) ? left.artifact : undefined
      if (whole) {
        yield* io(label, place)
        return { ...whole, directory, reused: false }
      }
      const removedCheckpoint = yield* io(label, () => beginAttempt(partial, JSON.stringify(boundTo(inputs))))
      if (removedCheckpoint) making.onNote?.(`${label} begins again: a stopped attempt read other bytes of its inputs`)
      const before = (yield* io(label, () => secondsSpent(partial))) || (making.spent ?? 0)
      const started = performance.now()
      const spent = () => before + (performance.now() - started) / 1000
      const note = io(label, () => noteSeconds(partial, spent()))
      const noting = Effect.forever(Effect.andThen(Effect.sleep("5 seconds"), note)) // A killed attempt thus leaves its seconds.
      const running = Effect.raceFirst(making.run(partial), noting)
      const summary = yield* running.pipe(Effect.ensuring(Effect.ignore(note)))
      const files = yield* filesOf(partial, label)
      const manifest = yield* io(label, () => {
        const manifest = sealed({
          schema: 2,
          stage,
          key,
          made,
          inputs: boundTo(inputs),
          created: new Date().toISOString(),
          seconds: spent(),
          versions,
          summary,
          files,
        })
        // The manifest is written before the checkpoints are removed, so a kill in between costs nothing.
        writeWhole(join(partial, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`)
        syncPath(partial)
        place()
        return manifest
      })
      return { key, directory, manifest, reused: false }
    })

  return {
    home,
    root,
    find: (stage, key) => atOnce(usable(stage, key, undefined)),
    seek: (stage, key, inputs) => inPieces(() => usable(stage, key, inputs)),
    damage: (stage, key) => {
      const stored = atOnce(lookAt(stage, key))
      return stored._tag === "damaged" ? stored.why : undefined
    },
    manifests: (stage, most) => {
      const folder = join(root, stage)
      if (!existsSync(folder)) return []
      const names = readdirSync(folder).filter((name) => /^[0-9a-f]{64}$/.test(name))
      const used = (name: string) => statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0
      const chosen =
        most === undefined || names.length <= most
          ? names
          : names
              .map((name) => ({ name, at: used(name) }))
              .toSorted((a, b) => b.at - a.at)
              .slice(0, most)
              .map(({ name }) => name)
      return chosen.flatMap((name) => {
        try {
          return [readManifest(join(folder, name))]
        } catch {
          return [] // Damaged, or removed or renamed by another process at this moment.
        }
      })
    },
    partial: (stage, key) => hasCheckpoint(`${at(stage, key)}.partial`),
    obtain: (making) =>
      Effect.gen(function* () {
        const { stage, key, fresh, inputs = [], onWait = () => {}, onNote } = making
        const stored = fresh ? undefined : yield* inPieces(() => usable(stage, key, inputs))
        if (stored) {
          touch(stored.directory)
          return stored
        }
        const use = Effect.gen(function* () {
          // The process that held the lock may have computed it while this one waited.
          const meanwhile = fresh ? undefined : yield* inPieces(() => usable(stage, key, inputs, onNote))
          return meanwhile ?? (yield* make(making))
        })
        return yield* withLock(join(home, "locks", `${stage}-${key}.lock`), onWait, use)
      }),
  }
}
