/** Python's literals of texts, numbers, lists and dictionaries, as `repr` writes them. */

const text = /'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/gs
const escaped = /\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|([\s\S]))/g
const named: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" }

const unescaped = (written: string): string =>
  written.replaceAll(escaped, (_, x?: string, u?: string, U?: string, letter?: string) => {
    const code = x ?? u ?? U
    return code === undefined ? (named[letter!] ?? letter!) : String.fromCodePoint(Number.parseInt(code, 16))
  })

/** The value of a literal. @error SyntaxError (thrown) for another text */
export const literal = (line: string): unknown =>
  JSON.parse(
    line.replaceAll(text, (_, single?: string, double?: string) => JSON.stringify(unescaped(single ?? double!))),
  )
