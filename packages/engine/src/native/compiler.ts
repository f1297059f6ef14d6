/** The system's C++ compiler: finds it, and runs it with its output kept. */
import { AttemptFailed } from "../library/error.ts"

type Environment = Readonly<Record<string, string | undefined>>

/** A compiler that answers. */
export interface Compiler {
  /** The program and its first arguments, such as ["ccache", "g++"]. */
  readonly command: ReadonlyArray<string>
  /** First line of its --version. */
  readonly version: string
}

/** Installation of a compiler, by system. */
export const compilerRemedy =
  process.platform === "darwin"
    ? "Install a C++ compiler: xcode-select --install"
    : "Install a C++ compiler: apt install g++ (Debian, Ubuntu), dnf install gcc-c++ (Fedora), zypper install gcc-c++ (openSUSE)"

/** No compilation takes this long; a hanging one must not hang the engine. */
const TIMEOUT_MS = 300_000

/** A command's end. */
export interface Ended {
  readonly ok: boolean
  /** stdout and stderr, as text. */
  readonly output: string
}

/** Runs a command to its end, messages in English. Aborting kills it. */
export const run = async (command: ReadonlyArray<string>, env: Environment, signal?: AbortSignal): Promise<Ended> => {
  try {
    const child = Bun.spawn([...command], {
      env: { ...env, LC_ALL: "C" },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: TIMEOUT_MS,
      ...(signal === undefined ? {} : { signal }),
    })
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
    const code = await child.exited
    const ending = child.signalCode === null ? "" : `ended by ${child.signalCode}`
    return { ok: code === 0, output: [stdout, stderr, ending].join("").trim() }
  } catch (cause) {
    return { ok: false, output: cause instanceof Error ? cause.message : String(cause) }
  }
}

/**
 * The compiler in CXX, else the first of c++, g++ and clang++ on PATH that answers.
 *
 * @error AttemptFailed if there is none. A CXX that is set and wrong is an error: it is an explicit request
 */
export const findCompiler = async (env: Environment): Promise<Compiler> => {
  const choice = env["CXX"]?.trim()
  const commands = choice === undefined || choice === "" ? [["c++"], ["g++"], ["clang++"]] : [choice.split(/\s+/)]
  for (const [name, ...more] of commands) {
    const path = Bun.which(name!, { PATH: env["PATH"] ?? "" })
    if (path === null) continue
    const { ok, output } = await run([path, ...more, "--version"], env)
    if (ok) return { command: [path, ...more], version: output.split("\n")[0]! }
  }
  throw choice === undefined || choice === ""
    ? new AttemptFailed("no C++ compiler was found (looked for c++, g++ and clang++ on PATH)", compilerRemedy)
    : new AttemptFailed(
        `CXX is "${choice}", which cannot be run`,
        `Set CXX to a C++ compiler, or unset it to have one looked for. ${compilerRemedy}`,
      )
}

/** The first lines of a compiler's output that describe a fault, at most `most`. */
export const firstErrors = (output: string, most = 3): string => {
  const lines = output.split("\n").filter((line) => line.trim() !== "")
  const errors = lines.filter((line) => /error|undefined reference|cannot find|ended by/i.test(line))
  return (errors.length > 0 ? errors : lines).slice(0, most).join("\n")
}
