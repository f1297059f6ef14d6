/**
 * The artifacts of all experiments, by the content that made them: `artifacts/<stage>/<key>/`.
 *
 * A folder under its key is whole: it is filled as `<key>.partial` and renamed once its manifest is written. The
 * partial folder of a stage that was stopped stays, with the checkpoints in it, and the next run goes on in it. Folders are
 * only ever written and renamed under the key's lock; reading needs none.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { homedir } from "node:os"
import { basename, dirname, join } from "node:path"
import { DataError } from "@winnow/core"
import { type } from "arktype"
import { Context, Effect, Layer } from "effect"
import { houseRoot } from "./code-version.ts"
import { sha256, shortKey } from "./key.ts"
import { withLock } from "./lock.ts"
import { artifactFiles, hasCheckpoint, noteSeconds, removeOwn, removeTemporary, secondsSpent, sync } from "./partial.ts"

export { checkpoints, hasCheckpoint } from "./partial.ts"

/** What an artifact says of itself, in its manifest.json. */
export const Manifest = type({
  schema: "1",
  stage: "string",
  key: "string",
  /** What the key was made of. */
  made: "object",
  created: "string",
  seconds: "number >= 0",
  versions: "object",
  /** Figures of the stage, for tables and for estimates of the time that the next will take. */
  summary: "Record<string, unknown>",
  files: type({ path: "string", bytes: "number", sha256: "string" }).array(),
})
export type Manifest = typeof Manifest.infer

/** A whole artifact. */
export interface Artifact {
  readonly key: string
  readonly directory: string
  readonly manifest: Manifest
  /** Whether it was there before this run asked. */
  readonly reused: boolean
}

/** How an artifact is made: fills `directory`, which may hold what an earlier, stopped attempt left. */
export interface Making<E, R> {
  readonly stage: string
  readonly key: string
  readonly made: Record<string, unknown>
  readonly versions: Record<string, unknown>
  /** Makes it anew even if it is there. */
  readonly fresh?: boolean
  readonly onWait?: (holder: string) => void
  readonly run: (directory: string) => Effect.Effect<Record<string, unknown>, E, R>
}

/** Writes a whole file or none: beside its place, flushed, then renamed over it. */
export const writeAtomic = (file: string, content: string | Uint8Array): void => {
  mkdirSync(dirname(file), { recursive: true })
  const beside = `${file}.${process.pid}.tmp`
  writeFileSync(beside, content)
  sync(beside)
  renameSync(beside, file)
}

/** Reads an artifact; undefined when it is not there or not what its manifest says. */
const open = (directory: string): Omit<Artifact, "reused"> | undefined => {
  try {
    const manifest = Manifest(JSON.parse(readFileSync(join(directory, "manifest.json"), "utf8")))
    if (manifest instanceof type.errors) return undefined
    const whole = manifest.files.every(({ path, bytes, sha256: hash }) => {
      const file = join(directory, path)
      return statSync(file).size === bytes && sha256(readFileSync(file)) === hash
    })
    return whole ? { key: manifest.key, directory, manifest } : undefined
  } catch {
    return undefined
  }
}

/** A folder out of the way. Renamed first, so that nobody ever sees half an artifact under its key. */
const discard = (directory: string) => {
  if (!existsSync(directory)) return
  const away = `${directory}.discarded-${process.pid}-${Date.now()}`
  renameSync(directory, away)
  rmSync(away, { recursive: true, force: true })
}

/** What processes that were killed in `discard` left of an artifact. */
const removeDiscarded = (directory: string) => {
  const isLeft = (name: string) => name.startsWith(`${basename(directory)}.`) && name.includes(".discarded-")
  for (const name of readdirSync(dirname(directory)).filter(isLeft))
    rmSync(join(dirname(directory), name), { recursive: true, force: true })
}

const io = <A>(what: string, run: () => A): Effect.Effect<A, DataError> =>
  Effect.try({
    try: run,
    catch: (error) =>
      new DataError({ message: `${what}: ${String(error)}; is the disk full or the folder read-only?`, cause: error }),
  })

export interface StoreService {
  /** The folder that the store was made for: artifacts and locks are in it. */
  readonly home: string
  readonly root: string
  /** An artifact that is there, without making it. */
  readonly find: (stage: string, key: string) => Artifact | undefined
  /** All whole artifacts of a stage by their manifests, unverified: for estimates. */
  readonly manifests: (stage: string) => ReadonlyArray<Manifest>
  /** Whether a stopped attempt left a checkpoint to go on from. */
  readonly partial: (stage: string, key: string) => boolean
  /** The artifact: found, or made under its lock; a second process waits and then finds it. */
  readonly obtain: <E, R>(making: Making<E, R>) => Effect.Effect<Artifact, E | DataError, R>
}

/** The store of artifacts. */
export class Store extends Context.Service<Store, StoreService>()("@winnow/lab/Store") {
  /** A store in a folder; by default WINNOW_HOME, else `.winnow` of this checkout. */
  static readonly layer = (home: string = winnowHome()) => Layer.succeed(Store, makeStore(home))
}

/** Where artifacts are kept: WINNOW_HOME (`~` allowed), else `.winnow` in this checkout. */
export const winnowHome = (): string => {
  const home = process.env["WINNOW_HOME"]
  return home ? home.replace(/^~(?=$|\/)/, homedir()) : join(houseRoot, ".winnow")
}

export const makeStore = (home: string): StoreService => {
  const root = join(home, "artifacts")
  const at = (stage: string, key: string) => join(root, stage, key)

  const find = (stage: string, key: string): Artifact | undefined => {
    const artifact = open(at(stage, key))
    return artifact && { ...artifact, reused: true }
  }

  const make = <E, R>(making: Making<E, R>): Effect.Effect<Artifact, E | DataError, R> =>
    Effect.gen(function* () {
      const { stage, key, made, versions } = making
      const directory = at(stage, key)
      const partial = `${directory}.partial`
      const label = `${stage} ${shortKey(key)}`
      yield* io(label, () => {
        if (making.fresh) discard(partial)
        mkdirSync(partial, { recursive: true })
        removeDiscarded(directory)
        removeTemporary(partial)
      })
      /** What was under the key, damaged or to be made anew, stays there until the new artifact is whole. */
      const place = () => {
        removeOwn(partial)
        discard(directory)
        renameSync(partial, directory)
        sync(dirname(directory))
      }
      // An attempt that was killed after its manifest was written lacks its place alone.
      const whole = yield* io(label, () => open(partial))
      if (whole) {
        yield* io(label, place)
        return { ...whole, directory, reused: false }
      }
      const before = yield* io(label, () => secondsSpent(partial))
      const started = performance.now()
      const spent = () => before + (performance.now() - started) / 1000
      const note = Effect.sync(() => noteSeconds(partial, spent()))
      const noting = Effect.forever(Effect.andThen(Effect.sleep("5 seconds"), note)) // for an attempt that is killed
      const summary = yield* Effect.raceFirst(making.run(partial), noting).pipe(Effect.ensuring(note))
      const manifest = yield* io(label, () => {
        const files = artifactFiles(partial).map((path) => {
          const content = readFileSync(join(partial, path))
          sync(join(partial, path))
          return { path, bytes: content.byteLength, sha256: sha256(content) }
        })
        const manifest: Manifest = {
          schema: 1,
          stage,
          key,
          made,
          created: new Date().toISOString(),
          seconds: spent(),
          versions,
          summary,
          files,
        }
        // Before what the attempt could go on from is removed: a kill between the two costs nothing.
        writeAtomic(join(partial, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`)
        sync(partial)
        place()
        return manifest
      })
      return { key, directory, manifest, reused: false }
    })

  return {
    home,
    root,
    find,
    manifests: (stage) => {
      const folder = join(root, stage)
      if (!existsSync(folder)) return []
      return readdirSync(folder)
        .filter((name) => /^[0-9a-f]{64}$/.test(name))
        .flatMap((name) => {
          try {
            const manifest = Manifest(JSON.parse(readFileSync(join(folder, name, "manifest.json"), "utf8")))
            return manifest instanceof type.errors ? [] : [manifest]
          } catch {
            return [] // removed or renamed by another process in this moment
          }
        })
    },
    partial: (stage, key) => hasCheckpoint(`${at(stage, key)}.partial`),
    obtain: (making) =>
      Effect.suspend(() => {
        const { stage, key, fresh, onWait = () => {} } = making
        const there = fresh ? undefined : find(stage, key)
        if (there) return Effect.succeed(there)
        const use = Effect.suspend(() => {
          // Made by the process that held the lock while this one waited.
          const meanwhile = fresh ? undefined : find(stage, key)
          return meanwhile ? Effect.succeed(meanwhile) : make(making)
        })
        return withLock(join(home, "locks", `${stage}-${key}.lock`), onWait, use)
      }),
  }
}
