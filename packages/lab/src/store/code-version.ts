/** Which code an artifact was made by: a hash of the sources that could have changed it. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join, relative } from "node:path"
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

/** A package of this house, or one file of the lab, that a stage's result can depend on. */
export type HouseCode =
  | "numerics"
  | "tensor"
  | "core"
  | "data"
  | "models"
  | "training"
  | "decoding"
  | `lab/src/stages/${string}.ts`

/** One hash for several of them. */
export const codeVersion = (parts: ReadonlyArray<HouseCode>): string =>
  sha256(
    parts
      .map((part) => `${part} ${sourceHash(join(houseRoot, "packages", part.includes("/") ? part : `${part}/src`))}`)
      .join("\n"),
  )

/**
 * A plugin's code: what it says of itself, and the sources of its folder where it lives in this house, so that a
 * change in a file that its `make` calls counts too. A plugin from elsewhere has `code` alone.
 */
export const pluginCode = (use: { readonly kind: PluginKind; readonly name: string; readonly code: string }): string =>
  sha256(`${use.code}\n${sourceHash(join(houseRoot, "plugins", `${use.kind}-${use.name}`, "src"))}`)

/**
 * How the open engine computes: the kind of device and the precision of its products. The same code gives other weights in
 * bfloat16, so stages that compute with tensors have this in their keys.
 */
export const arithmetic = (): { readonly device: string; readonly products: string } => {
  const { device, options } = engineInfo()
  const environment = process.env["ONEDNN_DEFAULT_FPMATH_MODE"]?.toUpperCase()
  return { device: device.type, products: options.products ?? (environment === "BF16" ? "bfloat16" : "float32") }
}

/** Version of the code of a stage that computes with tensors: what it uses, and how the engine computes. */
export const tensorCodeVersion = (parts: ReadonlyArray<HouseCode>): string =>
  sha256(`${codeVersion(parts)} ${JSON.stringify(arithmetic())}`)
