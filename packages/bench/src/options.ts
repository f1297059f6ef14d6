/** Options of a command as a table: one entry defines an option's value, type, check and help. */
import { type ParseArgsOptionsConfig, parseArgs } from "node:util"

/** A command line with an error: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError"
  /** @param wrong a name that there is not, with those that there are: the near one is told */
  constructor(
    message: string,
    readonly wrong?: { readonly name: string; readonly names: ReadonlyArray<string> },
  ) {
    super(message)
  }
}

/** One option. */
export interface Option<T> {
  /** The placeholder of its value in `--help`; undefined for an option without a value. */
  readonly word: string | undefined
  readonly help: string
  /** The text that stands for an option that is left out. */
  readonly usual: string | undefined
  readonly several: boolean
  readonly short?: string
  /** @error Refused for a bad text */
  readonly read: (text: string) => T
}

/** A table of options by their names, with hyphens. */
export type Options = Readonly<Record<string, Option<unknown>>>

type Camel<S extends string> = S extends `${infer Head}-${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S

/** The values of a table, by names without hyphens: `--top-k` is `topK`. */
export type ValuesOf<O extends Options> = {
  readonly [K in keyof O & string as Camel<K>]: O[K] extends Option<infer T> ? T : never
}

/** A bad text for an option, and the expectation. */
class Refused extends Error {
  constructor(
    readonly input: string,
    readonly expected: string,
  ) {
    super()
  }
}

/** Refuses a text. @param expected continues "--name is "text", expected ..." */
export const refuse = (input: string, expected: string): never => {
  throw new Refused(input, expected)
}

const option = <T>(word: string, usual: string | undefined, help: string, read: (text: string) => T): Option<T> => ({
  word,
  help,
  usual,
  several: false,
  read,
})

/** A whole number above 0 in decimal digits, else NaN. */
export const whole = (text: string): number => (/^\d+$/.test(text) && Number(text) > 0 ? Number(text) : Number.NaN)
const countIn = (text: string): number => {
  const n = whole(text.trim())
  return Number.isSafeInteger(n) ? n : refuse(text, "a whole number of 1 or more")
}
const oneOf =
  <C extends string>(choices: ReadonlyArray<C>) =>
  (text: string): C =>
    choices.find((choice) => choice === text.trim()) ?? refuse(text, choices.join(", "))
const listOf =
  <T>(read: (text: string) => T) =>
  (text: string): ReadonlyArray<T> => [...new Set(text.split(",").map((part) => read(part.trim())))]

/** An option without a value. */
export const flag = (help: string, short?: string): Option<boolean> => ({
  word: undefined,
  help,
  usual: undefined,
  several: false,
  ...(short === undefined ? {} : { short }),
  read: () => true,
})
/** Any text. */
export const text = (word: string, usual: string, help: string): Option<string> => option(word, usual, help, (t) => t)
/** A value of a special kind, with its own reader. */
export const value = <T>(word: string, usual: string, help: string, read: (text: string) => T): Option<T> =>
  option(word, usual, help, read)
/** A whole number of 1 or more. */
export const count = (word: string, usual: number, help: string): Option<number> =>
  option(word, String(usual), help, countIn)
/** A whole number of 0 or more. */
export const countOrNone = (word: string, usual: number, help: string): Option<number> =>
  option(word, String(usual), help, (t) => (t === "0" ? 0 : countIn(t)))
/** Whole numbers of 1 or more with commas between, each once. */
export const counts = (word: string, usual: string, help: string): Option<ReadonlyArray<number>> =>
  option(word, usual, help, listOf(countIn))
/** A number above 0 and up to 1. */
export const ratio = (word: string, usual: number, help: string): Option<number> =>
  option(word, String(usual), help, (t) => {
    const share = Number(t.trim() || Number.NaN)
    return share > 0 && share <= 1 ? share : refuse(t, "a ratio above 0 and up to 1")
  })
/** One of several words. */
export const choice = <const C extends string>(
  word: string,
  choices: ReadonlyArray<C>,
  usual: C,
  help: string,
): Option<C> => option(word, usual, help, oneOf(choices))
/** Some of several words, separated by commas, each once, in their order. */
export const choices = <const C extends string>(
  word: string,
  of: ReadonlyArray<C>,
  usual: string,
  help: string,
): Option<ReadonlyArray<C>> => option(word, usual, help, listOf(oneOf(of)))
/** The option with undefined as its default. */
export const optional = <T>(of: Option<T>): Option<T | undefined> => ({ ...of, usual: undefined })
/** The option, repeatable. */
export const several = <T>(of: Option<T>): Option<ReadonlyArray<T>> => ({
  ...of,
  usual: undefined,
  several: true,
  read: of.read as never, // each text is read by itself
})

const helpOf = (command: string) => `\`bun run bench ${command} --help\` lists the options`.replace("  ", " ")

/**
 * Reads the arguments of a command.
 *
 * @param command its words after `bun run bench`, for errors
 * @error UsageError, one line, for an unknown option or a bad text
 */
export const readOptions = <O extends Options>(
  command: string,
  args: ReadonlyArray<string>,
  options: O,
  allowPositionals = false,
): { readonly values: ValuesOf<O>; readonly positionals: ReadonlyArray<string> } => {
  const config: ParseArgsOptionsConfig = Object.fromEntries(
    Object.entries(options).map(([name, { word, several: multiple, short }]) => [
      name,
      { type: word === undefined ? "boolean" : "string", multiple, ...(short === undefined ? {} : { short }) },
    ]),
  )
  const commandLine = (() => {
    try {
      return parseArgs({ args: [...args], options: config, allowPositionals })
    } catch (cause) {
      const why = (cause as Error).message.replace(/\s+/g, " ").replace(/\.$/, "")
      const name = /^Unknown option '(--[^']+)'/.exec(why)?.[1]
      const names = Object.keys(options).map((one) => `--${one}`)
      throw new UsageError(`${why}; ${helpOf(command)}`, name === undefined ? undefined : { name, names })
    }
  })()
  const read = (name: string, { word, usual, several: many, read: readText }: Option<unknown>): unknown => {
    const entry = commandLine.values[name]
    if (word === undefined) return entry === true
    try {
      if (many) return ((entry ?? []) as ReadonlyArray<string>).map(readText)
      const text = (entry ?? usual) as string | undefined
      return text === undefined ? undefined : readText(text)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      throw new UsageError(`--${name} is "${error.input}", expected ${error.expected}; ${helpOf(command)}`)
    }
  }
  const camel = (name: string) => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
  const values = Object.entries(options).map(([name, of]) => [camel(name), read(name, of)])
  return { values: Object.fromEntries(values) as ValuesOf<O>, positionals: commandLine.positionals }
}

const indent = 20
const width = 120

/** Wraps words to lines of `width`, all but the first indented. */
const wrapped = (words: string): string => {
  const lines = [""]
  for (const word of words.split(" "))
    if (indent + lines.at(-1)!.length + word.length > width) lines.push(word)
    else lines[lines.length - 1] += lines.at(-1) === "" ? word : ` ${word}`
  return lines.join(`\n${" ".repeat(indent)}`)
}

/** The lines of `--help` for the options, each with its default in brackets. */
export const optionLines = (options: Options): string =>
  Object.entries(options)
    .filter(([name]) => name !== "help")
    .map(([name, { word, help, usual }]) => {
      const head = `  --${name}${word === undefined ? "" : ` ${word}`}`.padEnd(indent - 1)
      return `${head} ${wrapped(usual ? `${help} (${usual})` : help)}\n`
    })
    .join("")
