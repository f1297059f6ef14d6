/**
 * What a module may depend on beside its own text: the environment, the clock, the disk, chance, variables that another module
 * changes. A result of such a module cannot be told from its key, so it is not reused.
 */

/** Members and calls that reach outside, and how a message names them. */
const reaches: ReadonlyArray<readonly [pattern: RegExp, what: string]> = [
  [/\b(?:process|Bun)\s*(?:\.\s*env|\[\s*["']env["']\s*\])|\bimport\.meta\.env\b/, "reads the environment"],
  [/\b(?:process|Bun)\s*\.\s*argv\b/, "reads the command line"],
  [/\bMath\s*\.\s*random\b|\bcrypto\s*\.\s*(?:random|getRandomValues)/, "draws random numbers without a seed"],
  [/\bDate\s*\.\s*now\b|\bnew Date\s*(?:\(\s*\)|[^(\s])|\bperformance\s*\.\s*now\b/, "reads the clock"],
  [/\bBun\s*\.\s*(?:file|spawn|spawnSync|stdin|\$|Glob|connect|sql|s3)\b|\bfetch\s*\(/, "reads what lies outside"],
  [/\beval\s*\(|\bnew\s+Function\s*\(/, "evaluates text as code"],
  [/\bimport\s*\(\s*(?!["'][^"']*["']\s*[,)])/, "imports a module by a computed name"],
  [/\brequire\s*\(\s*(?!["'][^"']*["']\s*\))/, "requires a module by a computed name"],
  [/\bglobalThis\s*[.[]/, "reads a global"],
  // Bun prints statements of the top level without indentation; an enum is `var X;` before its own function.
  [/^(?:export )?(?:let|var) (?!(\w+);\n\(\(\1\) =>)/m, "has a variable at its top level that may change"],
]

/** Modules of the platform whose use reaches outside. */
const outsideModules = new Set(
  [
    ..."child_process cluster dgram dns fs fs/promises http http2 https net os process readline sqlite tls".split(" "),
    ..."worker_threads inspector repl perf_hooks".split(" "),
  ].flatMap((name) => [name, `node:${name}`]),
).union(new Set(["bun", "bun:sqlite", "bun:ffi", "bun:jsc"]))

/**
 * The first thing in a module that reaches outside, as the end of a sentence that begins with the file's name; undefined if
 * its text says all.
 *
 * @param code the module as Bun prints it: no types, no comments
 * @param imports the names that it imports, as written
 */
export const outsideState = (code: string, imports: ReadonlyArray<string>): string | undefined => {
  const module = imports.find((name) => outsideModules.has(name))
  if (module !== undefined) return `imports ${module}`
  return reaches.find(([pattern]) => pattern.test(code))?.[1]
}
