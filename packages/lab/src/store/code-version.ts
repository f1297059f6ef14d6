/** Which code an artifact was made by: a hash of the sources that could have changed it. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import type { PluginKind } from "@winnow/core"
import { engineInfo } from "@winnow/tensor"
import { sha256 } from "./key.ts"

/** The folder that holds packages/, plugins/ and experiments/ of this checkout. */
export const houseRoot = join(import.meta.dir, "../../../..")

const sources = (path: string): ReadonlyArray<string> => {
  if (!statSync(path).isDirectory()) return [path]
  const inside = readdirSync(path).filter((name) => name !== "node_modules" && !/\.(test|bench)\.ts$/.test(name))
  return inside
    .map((name) => join(path, name))
    .filter((p) => statSync(p).isDirectory() || /\.(ts|cpp|h|json)$/.test(p))
    .flatMap(sources)
}

const transpiler = new Bun.Transpiler({ loader: "ts", minifyWhitespace: true })

/** TypeScript as it runs: a comment, a type or a line break more makes no other artifact. */
const running = (path: string): string => {
  const text = readFileSync(path, "utf8")
  return path.endsWith(".ts") ? transpiler.transformSync(text) : text
}

const hashes = new Map<string, string>()

/** Hash of a file or of a folder's sources, tests left out; "" where nothing is. Read once a process. */
export const sourceHash = (path: string): string => {
  let hash = hashes.get(path)
  if (hash === undefined) {
    const files = existsSync(path) ? sources(path).toSorted() : []
    hash = files.length === 0 ? "" : sha256(files.map((f) => `${relative(path, f)}\0${sha256(running(f))}`).join("\n"))
    hashes.set(path, hash)
  }
  return hash
}

/**
 * What of the lab settles a stage's config and moves its artifact, and writes nothing into it: left out of a stage's code. A
 * setting counts by its value in the config, so a new kind of setting does not train every target again.
 */
const machinery = ["experiment", "store", "stage.ts", "progress.ts"].map((name) =>
  join(houseRoot, "packages/lab/src", name),
)
const isMachinery = (path: string) => machinery.some((place) => path === place || path.startsWith(`${place}/`))

/** A file and all that it imports by a relative path, on and on, the lab's machinery left out. */
export const moduleFiles = (path: string, found = new Set<string>()): ReadonlySet<string> => {
  if (found.has(path) || isMachinery(path)) return found
  found.add(path)
  for (const { path: to } of transpiler.scanImports(readFileSync(path, "utf8")))
    if (to.startsWith(".")) moduleFiles(join(dirname(path), to), found)
  return found
}

const modules = new Map<string, string>()

/**
 * Hash of a file and of all that it imports by a relative path: what a stage calls in the lab counts; the lab's tables and
 * reports, which it does not call, and its machinery do not. Read once a process.
 */
export const moduleHash = (path: string): string => {
  let hash = modules.get(path)
  if (hash === undefined) {
    const folder = dirname(path)
    const files = [...moduleFiles(path)].map((file) => `${relative(folder, file)}\0${sha256(running(file))}`)
    hash = sha256(files.toSorted().join("\n"))
    modules.set(path, hash)
  }
  return hash
}

/** A package of this house that a result can depend on, or a file of one with what it imports there. */
export type HouseCode =
  | "numerics"
  | "tensor"
  | "core"
  | "data"
  | "models"
  | "training"
  | "decoding"
  | "lab"
  | `lab/src/stages/${string}.ts`
  | `training/src/signals/${string}.ts`

/** One hash for several of them. */
export const codeVersion = (parts: ReadonlyArray<HouseCode>): string =>
  sha256(
    parts
      .map((part) => {
        const path = join(houseRoot, "packages", part)
        return `${part} ${part.includes("/") ? moduleHash(path) : sourceHash(join(path, "src"))}`
      })
      .join("\n"),
  )

/**
 * A plugin's code: what it says of itself, and the sources of its folder where it lives in this house, so that a
 * change in a file that its `make` calls counts too. A plugin from elsewhere has `code` alone.
 */
export const pluginCode = (use: { readonly kind: PluginKind; readonly name: string; readonly code: string }): string =>
  sha256(`${use.code}\n${sourceHash(join(houseRoot, "plugins", `${use.kind}-${use.name}`, "src"))}`)

/**
 * The precision that oneDNN may use by ONEDNN_DEFAULT_FPMATH_MODE: float32 if unset or STRICT, else what is set (F16, TF32,
 * ANY, ...) as it stands, since each gives other figures.
 */
export const oneDnnProducts = (mode: string | undefined): string => {
  const name = mode?.toUpperCase() ?? ""
  if (name === "" || name === "STRICT") return "float32"
  return name === "BF16" ? "bfloat16" : mode!
}

/**
 * How the open engine computes: the kind of device, the precision of TensorFlow's products, the variant of the native library. The same code gives other weights in
 * bfloat16, so stages that compute with tensors have this in their keys.
 */
export const arithmetic = (): { readonly device: string; readonly products: string; readonly native: string } => {
  const { device, options, native } = engineInfo()
  const products = options.products ?? oneDnnProducts(process.env["ONEDNN_DEFAULT_FPMATH_MODE"])
  return { device: device.type, products, native: "variant" in native ? native.variant : "none" }
}

/** The sources of the native library, where it computes: they lie outside of the packages' TypeScript. */
const nativeSources = (): string => {
  const { native } = engineInfo()
  return "variant" in native ? native.sources : ""
}

/** Version of the code of a stage that computes with tensors: what it uses, and which engine computes how. */
export const tensorCodeVersion = (parts: ReadonlyArray<HouseCode>): string =>
  sha256(
    `${codeVersion(parts)} ${JSON.stringify({ ...arithmetic(), tensorflow: engineInfo().version, sources: nativeSources() })}`,
  )
