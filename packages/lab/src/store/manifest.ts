/** The manifest of an artifact, and its check against the artifact's folder. */
import { statSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { FileError, parseJson, readRegularText, sha256 } from "@winnow/files"
import { type } from "arktype"
import { keyOf } from "./key.ts"
import { knownHashes } from "./known-hashes.ts"

/** The content of manifest.json. */
export const Manifest = type({
  schema: "2",
  stage: "string",
  key: "string",
  /** The key is the hash of this field: config, inputs, code, seed. */
  made: "object",
  /** The artifacts that it was computed from, with a hash of their bytes. */
  inputs: type({ stage: "string", key: "string", digest: "string" }).array(),
  created: "string",
  seconds: "number >= 0",
  /** Versions and the commit of the code that computed it. */
  versions: "object",
  /** Figures of the stage, for tables and for estimates of the next stage's time. */
  summary: "Record<string, unknown>",
  files: type({ path: "string", bytes: "number", sha256: "string" }).array(),
  /** SHA-256 of all the above. */
  self: "string",
})
export type Manifest = typeof Manifest.infer

const selfOf = ({ self: _, ...rest }: Manifest): string => sha256(JSON.stringify(rest))

/** A manifest with its own hash, in the form after a round trip through JSON. */
export const sealed = (manifest: Omit<Manifest, "self">): Manifest => {
  const read = JSON.parse(JSON.stringify(manifest)) as Manifest
  return { ...read, self: selfOf(read) }
}

/** Training events contain times of the clock: two computations of one artifact differ in them only. */
const timed = new Set(["metrics.jsonl"])

/** A hash of the bytes of an artifact or of its part. The manifest of each dependent artifact stores this hash. */
export const digestOf = ({ files }: Manifest, part?: string): string => {
  const counts = ({ path }: { readonly path: string }) =>
    !timed.has(path) && (part === undefined || path.startsWith(`${part}.`))
  return sha256(files.flatMap((f) => (counts(f) ? [`${f.path}\0${f.sha256}`] : [])).join("\n"))
}

/** Reads the manifest in a folder. @error FileError that names the fault */
export const readManifest = (directory: string): Manifest => {
  const file = join(directory, "manifest.json")
  const text = readRegularText(file, { most: 64 << 20, what: "a manifest" })
  let content: unknown
  try {
    content = parseJson(text)
  } catch (error) {
    throw new FileError(file, `is no usable JSON (${(error as Error).message}); expected the manifest of an artifact`)
  }
  const manifest = Manifest(content)
  if (manifest instanceof type.errors) throw new FileError(file, `is no manifest of this version: ${manifest[0]}`)
  if (manifest.self !== selfOf(manifest)) throw new FileError(file, "was changed after it was written")
  return manifest
}

/**
 * The manifest of a whole artifact, verified piece by piece.
 *
 * @param memory the file that remembers the hashes of its files
 * @error FileError that names the fault: another artifact's manifest, a file that is missing or has other bytes
 */
export function* wholeManifest(directory: string, key: string, memory: string): Generator<void, Manifest> {
  const manifest = readManifest(directory)
  const stage = basename(dirname(directory))
  if (manifest.stage !== stage || manifest.key !== key || keyOf(manifest.made) !== key)
    throw new FileError(directory, `holds the artifact ${manifest.stage} ${manifest.key.slice(0, 10)}`)
  const files = manifest.files.map(({ path }) => join(directory, path))
  // Sizes come first, so that a file that has grown to terabytes is not hashed.
  for (const [i, { path, bytes }] of manifest.files.entries()) {
    const { size } = statSync(files[i]!)
    if (size !== bytes)
      throw new FileError(join(directory, path), `has ${size} bytes; expected ${bytes} by its manifest`)
  }
  const hashes = yield* knownHashes(memory, files)
  for (const [i, { path, sha256: expected }] of manifest.files.entries())
    if (hashes[i] !== expected) throw new FileError(join(directory, path), "has other bytes than in its manifest")
  return manifest
}
