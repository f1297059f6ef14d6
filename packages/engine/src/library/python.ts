/** Finds a TensorFlow that is installed in the Python on PATH, without importing it (an import costs seconds). */
import { existsSync } from "node:fs"
import { type } from "arktype"
import { AttemptFailed } from "./error.ts"
import { librariesIn } from "./folder.ts"
import type { Library, Platform } from "./library.ts"
import { OLDEST_VERSION } from "./wheels.ts"

type Environment = Readonly<Record<string, string | undefined>>

const script = `
import importlib.util, json, sys
from importlib import metadata
spec = importlib.util.find_spec("tensorflow")
places = list(spec.submodule_search_locations or []) if spec else []
found = []
for name in ("tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tensorflow-macos", "tf-nightly", "tf-nightly-cpu"):
    try:
        found.append([name, metadata.version(name)])
    except metadata.PackageNotFoundError:
        pass
print(json.dumps({"folder": places[0] if places else None, "packages": found, "python": sys.executable}))
`

const Answer = type({ folder: "string | null", packages: type(["string", "string"]).array(), python: "string" })

/**
 * Paths of the Python interpreters to try, first that of an active virtual environment (PATH has it first).
 *
 * Apple's /usr/bin/python3 is left out while the developer tools are missing: running it opens a dialog.
 */
export const pythonsOn = (env: Environment): ReadonlyArray<string> => {
  const paths = ["python3", "python"].flatMap((name) => Bun.which(name, { PATH: env["PATH"] ?? "" }) ?? [])
  const toolsThere = existsSync("/Library/Developer/CommandLineTools") || existsSync("/Applications/Xcode.app")
  return [...new Set(paths)].filter(
    (path) => !(process.platform === "darwin" && path.startsWith("/usr/bin/") && !toolsThere),
  )
}

/**
 * The libtensorflow of the TensorFlow in the first Python on PATH.
 *
 * @error AttemptFailed if there is no Python, no TensorFlow in it, one that is too old or of another major version, or
 * one whose libraries are missing or broken
 */
export const pythonLibrary = async (
  platform: Platform,
  env: Environment = process.env,
): Promise<Pick<Library, "directory" | "version" | "flavour" | "files" | "origin">> => {
  const command = pythonsOn(env)[0]
  if (command === undefined) throw new AttemptFailed("no python3 or python on PATH")
  // Not in the current folder: Python would take a folder `tensorflow` there for the package.
  const child = Bun.spawn([command, "-c", script], {
    cwd: "/",
    env: { ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 20_000,
  })
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  if ((await child.exited) !== 0)
    throw new AttemptFailed(`${command} could not be asked: ${stderr.trim().split("\n").at(-1) || "no answer in 20 s"}`)
  // The interpreter's own path: PATH may have a shim (pyenv, asdf), whose path does not identify the interpreter.
  const { folder, packages, python } = Answer.assert(JSON.parse(stdout))
  if (folder === null) throw new AttemptFailed(`${python} has no TensorFlow`)
  const [name, version] = packages[0] ?? ["tensorflow", "unknown"]
  if (!isUsable(version))
    throw new AttemptFailed(
      `${python} has TensorFlow ${version}; expected 2.x, ${OLDEST_VERSION} or newer`,
      `Upgrade it: ${python} -m pip install --upgrade ${name}`,
    )
  const files = await librariesIn(folder, platform)
  return {
    directory: folder,
    version,
    flavour: platform !== "linux-x86-64" || name.endsWith("-cpu") ? "cpu" : "gpu",
    files,
    origin: `${name} ${version} of ${python}`,
  }
}

const isUsable = (version: string): boolean => {
  const [major, minor] = version.split(".").map((part) => Number.parseInt(part, 10))
  const [oldestMajor, oldestMinor] = OLDEST_VERSION.split(".").map(Number)
  return major === oldestMajor && minor !== undefined && minor >= oldestMinor!
}
