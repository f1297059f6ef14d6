/**
 * The `tokenizers` library of Hugging Face: the same Rust code as Python's package of that name, as a native module.
 *
 * Its package contains a build for each platform, so install compiles and fetches nothing. It is loaded at its first
 * use: the byte tokenizer works without it.
 */
import { createRequire } from "node:module"
import { DataError } from "@winnow/core"

type Library = typeof import("tokenizers")

let loaded: Library | undefined

/** Platforms of the builds in the package, as Node.js names them. */
const builds =
  "linux (x64, arm64: glibc and musl; arm: glibc), darwin (x64, arm64), win32 (x64, ia32, arm64), android (arm, arm64)"

/**
 * The library.
 *
 * @error DataError (thrown) if this machine has no build of it, or the build does not load
 */
export const library = (): Library => {
  try {
    loaded ??= createRequire(import.meta.url)("tokenizers") as Library
    return loaded
  } catch (cause) {
    const [reason = ""] = String((cause as Error).message).split("\n")
    const message =
      `the tokenizers library did not load on ${process.platform} ${process.arch}: ${reason}\n` +
      `Run \`bun install\` again to get its native build; there are builds for ${builds}. ` +
      "On another platform build its bindings/node from source and name the file in NAPI_RS_NATIVE_LIBRARY_PATH, " +
      "or use the byte tokenizer, which needs no library."
    throw new DataError({ message })
  }
}
