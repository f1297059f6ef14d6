/**
 * Compiles a native library with its C++ tests into separate programs and runs them, plainly or under sanitizers, for a
 * number of cases or of seconds: `bun run native:check`. See docs/engine.md.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { parseArgs } from "node:util"
import { cacheFolder } from "@winnow/files"
import { processorFlags } from "../doctor/processor.ts"
import { AttemptFailed } from "../library/error.ts"
import { objectsFolder } from "./build.ts"
import { type Compilation, compileUnits, layOut, link } from "./compile.ts"
import { type Compiler, findCompiler } from "./compiler.ts"
import { readSources, unitsOf } from "./sources.ts"
import { commonFlags, runnable, type Variant, variants, variantsToTry } from "./variant.ts"

const usage = `bun run native:check [options]
  --variant NAMES    variants, by commas, or "all" that this processor runs; by default the best one
  --sanitize NAMES   address, undefined, thread, by commas; thread goes with neither of the others
  --fuzz SECONDS     random cases for so long, from a seed that is new each time, shared among the tests
  --seed N           the first seed; a seed fixes a case
  --cases N          cases of each test; by default 200
  --only PARTS       tests of these parts alone, by commas: the names of the files in the folder test of the sources`

const sanitizers = ["address", "undefined", "thread"]

/** Frame pointers and lines for the report. Under -O1 products of some hundred rows still take only milliseconds. */
const sanitizeFlags = (names: ReadonlyArray<string>) =>
  names.length === 0
    ? []
    : ["-O1", "-g", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all", `-fsanitize=${names.join(",")}`]

const fail = (message: string): never => {
  throw new AttemptFailed(message, usage)
}

const readOptions = (args: ReadonlyArray<string>) => {
  const text = { type: "string" } as const
  const { values } = (() => {
    try {
      return parseArgs({
        args: [...args],
        options: { variant: text, sanitize: text, fuzz: text, seed: text, cases: text, only: text },
      })
    } catch (cause) {
      return fail((cause as Error).message)
    }
  })()
  const list = (value: string | undefined) => value?.split(",").map((name) => name.trim()) ?? []
  const number = (name: string, value: string | undefined) =>
    value === undefined || Number(value) > 0 ? value : fail(`--${name} is ${value}, expected a number above 0`)
  const sanitize = list(values.sanitize)
  for (const name of sanitize)
    if (!sanitizers.includes(name)) fail(`--sanitize has ${name}, expected some of ${sanitizers.join(", ")}`)
  if (sanitize.includes("thread") && sanitize.length > 1)
    fail("--sanitize thread goes with no other: run the command twice")
  const fuzz = number("fuzz", values.fuzz)
  const flags = processorFlags()
  return {
    chosen:
      values.variant === undefined
        ? variantsToTry(flags, undefined).slice(0, 1)
        : values.variant === "all"
          ? runnable(flags)
          : list(values.variant).flatMap((name) =>
              name === "off" ? fail("--variant off leaves nothing to check") : variantsToTry(flags, name, "--variant"),
            ),
    sanitize,
    only: list(values.only),
    seed: number("seed", values.seed) ?? (fuzz === undefined ? "1" : String(Math.floor(Math.random() * 2 ** 40))),
    fuzz,
    cases: number("cases", values.cases),
  }
}
type CheckOptions = ReturnType<typeof readOptions>

/** One program for each test, from the test and all of the library. */
const build = async (folder: string, variant: Variant, compiler: Compiler, work: string, options: CheckOptions) => {
  const { sanitize, only } = options
  const sources = await readSources(folder, ["test"])
  const units = unitsOf(sources, "test")
  const partOf = (unit: string) => basename(unit, ".cpp")
  const unknown = only.find((name) => !units.some((unit) => partOf(unit) === name))
  if (unknown !== undefined) fail(`there is no test of ${unknown}, only of ${units.map(partOf).join(", ")}`)
  const compilation: Compilation = {
    sources,
    compiler,
    env: process.env,
    flags: [...commonFlags, ...variants[variant].flags, ...sanitizeFlags(sanitize)],
    linkFlags: ["-pthread", ...sanitizeFlags(sanitize)],
    purpose: [variant, ...sanitize].join(", "),
    work,
    objects: objectsFolder(cacheFolder("native")),
  }
  await layOut(compilation)
  const [library, tests] = [unitsOf(sources), units.filter((unit) => only.length === 0 || only.includes(partOf(unit)))]
  await compileUnits([...library, ...tests], compilation)
  const programs: Array<string> = []
  for (const test of tests) {
    const program = join(work, `${partOf(test)}-test`)
    await link([...library, test], program, compilation)
    programs.push(program)
  }
  return programs
}

/**
 * Runs one program. GCC's thread sanitizer does not know all random memory layouts of newer kernels, so under it the
 * program runs with a fixed one, if `setarch` can set it.
 */
const runProgram = async (program: string, seconds: number | undefined, options: CheckOptions): Promise<boolean> => {
  const { seed, cases, sanitize } = options
  const setarch = sanitize.includes("thread") ? Bun.which("setarch") : null
  const command = [
    ...(setarch === null ? [] : [setarch, "-R"]),
    program,
    ...["--seed", seed],
    ...(cases === undefined ? [] : ["--cases", cases]),
    ...(seconds === undefined ? [] : ["--seconds", String(seconds)]),
  ]
  const child = Bun.spawn(command, {
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
    env: { ...process.env, UBSAN_OPTIONS: "print_stacktrace=1" },
  })
  return (await child.exited) === 0
}

/**
 * Compiles and runs the tests in `folder`/test of the sources in `folder`; their output goes to stdout.
 *
 * @param args in the form of `usage`
 * @returns true if all passed
 * @error AttemptFailed for arguments of the wrong form, without a compiler, or if a source does not compile
 */
export const nativeCheck = async (args: ReadonlyArray<string>, folder: string): Promise<boolean> => {
  const options = readOptions(args)
  const compiler = await findCompiler(process.env)
  const failed: Array<string> = []
  const work = await mkdtemp(join(tmpdir(), "winnow-native-check-"))
  try {
    for (const variant of options.chosen) {
      const title = [variant, ...options.sanitize.map((name) => `${name} sanitizer`)].join(", ")
      console.log(`\n${title}: compiling with ${compiler.version}`)
      const programs = await build(folder, variant, compiler, join(work, variant), options)
      const share =
        options.fuzz === undefined ? undefined : Number(options.fuzz) / options.chosen.length / programs.length
      for (const program of programs)
        if (!(await runProgram(program, share, options))) failed.push(`${basename(program)} (${title})`)
    }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  console.log(
    failed.length === 0 ? "\nall passed" : `\nFAILED: ${failed.join("; ")}. The first seed was ${options.seed}.`,
  )
  return failed.length === 0
}
