/** Options of a command as a table: from one line each come the value, its type, its check and the text of `--help`. */
import { type ParseArgsOptionsConfig, parseArgs } from "node:util"

/** A command line that cannot be understood: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError"
}

/** One option. */
export interface Option<T> {
  /** The word for its value in `--help`; undefined for an option without a value. */
  readonly word: string | undefined
  readonly help: string
  /** The text that is read where the option is left out. */
  readonly usual: string | undefined
  readonly several: boolean
  readonly short?: string
  /** @error Refused for a text that is no value */
  readonly read: (text: string) => T
}

/** A table of options by their names, with hyphens. */
export type Options = Readonly<Record<string, Option<unknown>>>

type Camel<S extends string> = S extends `${infer Head}-${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S

/** The values of a table, by names without hyphens: `--top-k` is `topK`. */
export type ValuesOf<O extends Options> = {
  readonly [K in keyof O & string as Camel<K>]: O[K] extends Option<infer T> ? T : never
}

/** A text that is no value of an option, and what was expected. */
class Refused extends Error {
  constructor(
    readonly found: string,
    readonly expected: string,
  ) {
    super()
  }
}

/** Refuses a text. @param expected continues "--name is "text", expected ..." */
export const refuse = (found: string, expected: string): never => {
  throw new Refused(found, expected)
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
/** A value of a kind of its own. */
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
    const found = Number(t.trim() || Number.NaN)
    return found > 0 && found <= 1 ? found : refuse(t, "a ratio above 0 and up to 1")
  })
/** One of some words. */
export const choice = <const C extends string>(
  word: string,
  choices: ReadonlyArray<C>,
  usual: C,
  help: string,
): Option<C> => option(word, usual, help, oneOf(choices))
/** Some of some words with commas between, each once, in the order given. */
export const choices = <const C extends string>(
  word: string,
  of: ReadonlyArray<C>,
  usual: string,
  help: string,
): Option<ReadonlyArray<C>> => option(word, usual, help, listOf(oneOf(of)))
/** The same option; undefined where it is left out. */
export const optional = <T>(of: Option<T>): Option<T | undefined> => ({ ...of, usual: undefined })
/** The same option, given any number of times. */
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
 * @error UsageError, of one line, for an unknown option and for a text that is no value
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
  const given = (() => {
    try {
      return parseArgs({ args: [...args], options: config, allowPositionals })
    } catch (cause) {
      const why = (cause as Error).message.replace(/\s+/g, " ").replace(/\.$/, "")
      throw new UsageError(`${why}; ${helpOf(command)}`)
    }
  })()
  const read = (name: string, { word, usual, several: many, read: readText }: Option<unknown>): unknown => {
    const found = given.values[name]
    if (word === undefined) return found === true
    try {
      if (many) return ((found ?? []) as ReadonlyArray<string>).map(readText)
      const text = (found ?? usual) as string | undefined
      return text === undefined ? undefined : readText(text)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      throw new UsageError(`--${name} is "${error.found}", expected ${error.expected}; ${helpOf(command)}`)
    }
  }
  const camel = (name: string) => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
  const values = Object.entries(options).map(([name, of]) => [camel(name), read(name, of)])
  return { values: Object.fromEntries(values) as ValuesOf<O>, positionals: given.positionals }
}

const indent = 20
const width = 120

/** Words in lines of `width`, all but the first indented. */
const wrapped = (words: string): string => {
  const lines = [""]
  for (const word of words.split(" "))
    if (indent + lines.at(-1)!.length + word.length > width) lines.push(word)
    else lines[lines.length - 1] += lines.at(-1) === "" ? word : ` ${word}`
  return lines.join(`\n${" ".repeat(indent)}`)
}

/** The lines of `--help` that tell of options; what stands where one is left out follows in brackets. */
export const optionLines = (options: Options): string =>
  Object.entries(options)
    .filter(([name]) => name !== "help")
    .map(([name, { word, help, usual }]) => {
      const head = `  --${name}${word === undefined ? "" : ` ${word}`}`.padEnd(indent - 1)
      return `${head} ${wrapped(usual ? `${help} (${usual})` : help)}\n`
    })
    .join("")
