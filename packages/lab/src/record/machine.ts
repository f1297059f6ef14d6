/** The machine and the code of a run. */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { cpus, platform, release, totalmem } from "node:os"
import { join } from "node:path"
import { sha256, sha256OfFile } from "@winnow/files"
import { engineInfo } from "@winnow/tensor"
import { arithmetic } from "../store/code/arithmetic.ts"
import { houseRoot } from "../store/code/house.ts"

const git = (...args: ReadonlyArray<string>): string | undefined => {
  const { status, stdout } = spawnSync("git", ["-C", houseRoot, ...args], { encoding: "utf8" })
  return status === 0 ? stdout.trim() : undefined
}

/**
 * A hash of all sources of the packages and plugins in this checkout: it identifies the code even if it is not
 * committed.
 */
const sourcesHash = (): string => {
  const files = [...new Bun.Glob("{packages,plugins}/*/src/**/*.{ts,cpp,h}").scanSync(houseRoot)].toSorted()
  return sha256(files.map((file) => `${file}\0${sha256OfFile(join(houseRoot, file))}`).join("\n"))
}

/** The code of this checkout. */
export interface Commit {
  readonly hash: string
  /** True if files differ from the commit. */
  readonly dirty: boolean
  /** SHA-256 over the sources of packages and plugins; absent in records of earlier versions. */
  readonly sources?: string
}

/** The commit of this checkout; null outside git. */
export const commit = (): Commit | null => {
  const hash = git("rev-parse", "HEAD")
  if (hash === undefined) return null
  // Runs write results, so changed results do not count as changed code.
  return { hash, dirty: git("status", "--porcelain", "--", ".", ":!results") !== "", sources: sourcesHash() }
}

const versionOf = (path: string): string | null => {
  try {
    return (JSON.parse(readFileSync(join(houseRoot, path, "package.json"), "utf8")) as { version: string }).version
  } catch {
    return null
  }
}

/** Versions of the computing libraries; the engine must be open. */
export const versions = () => ({
  winnow: versionOf("."),
  bun: Bun.version,
  effect: versionOf("node_modules/effect"),
  tensorflow: engineInfo().version,
  tfjs: versionOf("node_modules/@tensorflow/tfjs"),
  tokenizers: versionOf("node_modules/tokenizers"),
})

/** The machine: the properties that decide speed. */
export const machine = () => ({
  cpu: cpus()[0]?.model.trim() ?? "unknown",
  cores: cpus().length,
  memoryGiB: Math.round((totalmem() / 2 ** 30) * 10) / 10,
  ...arithmetic(),
  system: `${platform()} ${release()}`,
})
