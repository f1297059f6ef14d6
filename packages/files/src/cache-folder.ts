/** The user's cache folder: for files that can be fetched or built again. */
import { homedir } from "node:os"
import { isAbsolute, join } from "node:path"

/**
 * `winnow/<part>` in the user's cache folder: XDG_CACHE_HOME (only if absolute, as its standard says), else
 * ~/Library/Caches on macOS and ~/.cache elsewhere.
 */
export const cacheFolder = (
  part: "libtensorflow" | "native" | "datasets",
  env: Readonly<Record<string, string | undefined>> = process.env,
  os: string = process.platform,
): string => {
  const home = env["HOME"] || homedir()
  const xdg = env["XDG_CACHE_HOME"]
  const usual = os === "darwin" ? join(home, "Library", "Caches") : join(home, ".cache")
  return join(xdg !== undefined && isAbsolute(xdg) ? xdg : usual, "winnow", part)
}
