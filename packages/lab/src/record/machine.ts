/** Where and from which code a run was made. */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { cpus, platform, release, totalmem } from "node:os"
import { join } from "node:path"
import { engineInfo } from "@winnow/tensor"
import { arithmetic } from "../store/code/arithmetic.ts"
import { houseRoot } from "../store/code/house.ts"

const git = (...args: ReadonlyArray<string>): string | undefined => {
  const { status, stdout } = spawnSync("git", ["-C", houseRoot, ...args], { encoding: "utf8" })
  return status === 0 ? stdout.trim() : undefined
}

/** The commit of this checkout, and whether files differ from it; null outside git. */
export const commit = (): { readonly hash: string; readonly dirty: boolean } | null => {
  const hash = git("rev-parse", "HEAD")
  if (hash === undefined) return null
  // Results are what runs write: they do not make the code another.
  return { hash, dirty: git("status", "--porcelain", "--", ".", ":!results") !== "" }
}

const versionOf = (path: string): string | null => {
  try {
    return (JSON.parse(readFileSync(join(houseRoot, path, "package.json"), "utf8")) as { version: string }).version
  } catch {
    return null
  }
}

/** Versions of what computes; the engine must be open. */
export const versions = () => ({
  winnow: versionOf("."),
  bun: Bun.version,
  effect: versionOf("node_modules/effect"),
  tensorflow: engineInfo().version,
  tfjs: versionOf("node_modules/@tensorflow/tfjs"),
  tokenizers: versionOf("node_modules/tokenizers"),
})

/** The machine, as far as it decides speed. */
export const machine = () => ({
  cpu: cpus()[0]?.model.trim() ?? "unknown",
  cores: cpus().length,
  memoryGiB: Math.round((totalmem() / 2 ** 30) * 10) / 10,
  ...arithmetic(),
  system: `${platform()} ${release()}`,
})
