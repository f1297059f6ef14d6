/**
 * llama.cpp and ik_llama.cpp as the user built them: their programs, the arguments of a turn, and the figures that they
 * print. Written against both of August 2026; no test runs them.
 */
import { existsSync, statSync } from "node:fs"
import { dirname, join } from "node:path"
import { UsageError } from "../../options.ts"
import { WorkerEnded } from "../../side-by-side/worker-process.ts"

export const engineNames = ["llama.cpp", "ik_llama.cpp"] as const
export type EngineName = (typeof engineNames)[number]

/** Programs of an engine. */
export interface Engine {
  readonly name: EngineName
  /** Times one model alone. */
  readonly bench: string
  /** Writes a text with a draft, and counts. */
  readonly pair: string
}

/** One turn of one model or of a pair. */
export interface Turn {
  readonly prompt: ReadonlyArray<number>
  readonly new: number
  readonly gamma: number
  readonly threads: number
}

/** Seconds of a turn of one model. */
export interface Alone {
  /** Seconds in which the prompt was read. */
  readonly promptSeconds: number
  /** Seconds of the new tokens, each after the ones before it, the first after one token. */
  readonly tokensSeconds: number
}

/** Seconds, text and counts of a turn of a pair. */
export interface Paired {
  /** Seconds of the prompt and the text. */
  readonly seconds: number
  /** Ids of the text. */
  readonly tokens: ReadonlyArray<number>
  /** Tokens of the text, by the side's own count. */
  readonly written: number
  readonly proposed: number
  readonly accepted: number
}

/** The option that names each engine. */
export const optionOf = { "llama.cpp": "--llama-bench", "ik_llama.cpp": "--ik-llama-bench" } as const

/** The program that runs a pair, beside the first one. ik_llama.cpp's own example does not take the draft's length. */
const pairPrograms = { "llama.cpp": "llama-speculative-simple", "ik_llama.cpp": "llama-cli" } as const

/**
 * The programs of an engine.
 *
 * @param path the folder of its programs, or its `llama-bench`
 * @error UsageError, one line, where one of them is missing
 */
export const engineAt = (name: EngineName, path: string): Engine => {
  const folder = existsSync(path) && statSync(path).isDirectory()
  const bench = folder ? join(path, "llama-bench") : path
  const pair = join(folder ? path : dirname(path), pairPrograms[name])
  for (const program of [bench, pair])
    if (!existsSync(program))
      throw new UsageError(
        `${optionOf[name]} ${JSON.stringify(path)}: there is no ${program}; expected a folder with llama-bench and ${pairPrograms[name]} of ${name}, or its llama-bench: build both there`,
      )
  return { name, bench, pair }
}

/** Token 7 as text, in the vocabulary of `peers/gguf_convert.py`. */
const textOf = (ids: ReadonlyArray<number>): string => ids.map((id) => `<${id}>`).join("")
const idsOf = (text: string): ReadonlyArray<number> => Array.from(text.matchAll(/<(\d+)>/g), ([, id]) => Number(id))

/** Weights of ik_llama.cpp are put into the order that its fastest products read, when it loads them. */
const repacked = (name: EngineName) => (name === "ik_llama.cpp" ? ["-rtr"] : [])

/** The command of a turn of one model. */
export const aloneCommand = ({ name, bench }: Engine, model: string, turn: Turn): ReadonlyArray<string> => {
  const settings = { "-m": model, "-p": turn.prompt.length, "-n": turn.new, "-r": 1, "-t": turn.threads, "-o": "json" }
  const words = Object.entries(settings).flatMap(([flag, value]) => [flag, String(value)])
  return [bench, ...words, ...repacked(name).flatMap((flag) => [flag, "1"])]
}

/** The command of a turn of a pair, greedy, with gamma tokens proposed whatever their probability. */
export const pairCommand = (
  { name, pair }: Engine,
  models: { readonly target: string; readonly draft: string },
  { prompt, new: fresh, gamma, threads }: Turn,
): ReadonlyArray<string> => {
  const settings = {
    ...{ "-m": models.target, "-md": models.draft, "-p": textOf(prompt), "-n": fresh, "--temp": 0 },
    ...{ "-t": threads, "-td": threads, "-c": prompt.length + fresh + gamma + 64 },
    ...(name === "ik_llama.cpp"
      ? { "--spec-type": `draft:n_max=${gamma},p_min=0.0` }
      : {
          ...{ "--spec-type": "draft-simple", "--spec-draft-n-max": gamma, "--spec-draft-n-min": 0 },
          "--spec-draft-p-min": 0,
        }),
  }
  return [pair, ...Object.entries(settings).flatMap(([flag, value]) => [flag, String(value)]), ...repacked(name)]
}

const unread = (engine: Engine, found: string, expected: string): never => {
  throw new WorkerEnded(
    `${engine.name} printed no ${expected}; expected an engine of August 2026 or one that prints the same:\n${found.slice(-2000)}`,
  )
}

interface BenchRow {
  readonly n_prompt: number
  readonly n_gen: number
  readonly samples_ns: ReadonlyArray<number>
  readonly build_commit: string
}

/** The figures of `llama-bench -o json`, and the commit that it names. @error WorkerEnded where they are missing */
export const readAlone = (engine: Engine, stdout: string): Alone & { readonly commit: string } => {
  const rows = ((): ReadonlyArray<BenchRow> => {
    try {
      return JSON.parse(stdout.slice(stdout.indexOf("["))) as ReadonlyArray<BenchRow>
    } catch {
      return unread(engine, stdout, "JSON")
    }
  })()
  const seconds = (isIt: (row: BenchRow) => boolean, what: string) =>
    (rows.find(isIt)?.samples_ns[0] ?? unread(engine, stdout, what)) / 1e9
  return {
    promptSeconds: seconds((row) => row.n_gen === 0, "test of the prompt"),
    tokensSeconds: seconds((row) => row.n_prompt === 0, "test of new tokens"),
    commit: rows[0]!.build_commit,
  }
}

/** The figures that a pair's program prints, and its text. @error WorkerEnded where they are missing */
export const readPaired = (engine: Engine, turn: Turn, stdout: string, stderr: string): Paired => {
  const said = `${stdout}\n${stderr}`
  const numberAfter = (what: RegExp, name: string) => Number(what.exec(said)?.[1] ?? unread(engine, said, name))
  const ids = idsOf(stdout)
  const start = turn.prompt.every((id, i) => ids[i] === id) ? turn.prompt.length : 0
  if (engine.name === "ik_llama.cpp") {
    const tokens = ids.slice(start, start + turn.new)
    return {
      seconds: numberAfter(/total time =\s*([\d.]+) ms/, "total time") / 1000,
      ...{ tokens, written: tokens.length },
      proposed: numberAfter(/#gen tokens = (\d+)/, "count of proposed tokens"),
      accepted: numberAfter(/#acc tokens = (\d+)/, "count of accepted tokens"),
    }
  }
  return {
    seconds:
      numberAfter(/encoded\s+\d+ tokens in\s+([\d.]+) seconds/, "time of the prompt") +
      numberAfter(/decoded\s+\d+ tokens in\s+([\d.]+) seconds/, "time of the text"),
    tokens: ids.slice(start, start + turn.new),
    written: numberAfter(/n_predict\s*= (\d+)/, "count of tokens"),
    proposed: numberAfter(/n_drafted\s*= (\d+)/, "count of proposed tokens"),
    accepted: numberAfter(/n_accept\s*= (\d+)/, "count of accepted tokens"),
  }
}
