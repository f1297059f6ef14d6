/** Every error has a code, and every code a section of docs/errors.md. */
import { expect, test } from "bun:test"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { DataError, InvalidInput, PeerLost, TrainingStopped } from "@winnow/core"
import { FileError } from "@winnow/files"
import { Cause, Data, Effect } from "effect"
import { CliError } from "effect/cli"
import { bugCode, errorCodeOf, errorCodes, faultCode, machineCode, withCode } from "./error-codes.ts"
import { EngineClosed, exitOf, Incomplete, NotReproduced } from "./exit.ts"
import { usageText } from "./usage.ts"

const page = readFileSync(join(import.meta.dir, "../../../docs/errors.md"), "utf8")
const sections = page.split(/^## /m).slice(1)

test("the page has a section with a remedy for each code, and no other", () => {
  const codes = errorCodes.map(({ code }) => code)
  expect(sections.flatMap((text) => /^WN-\d+$/m.exec(text.split("\n")[0]!)?.[0] ?? [])).toEqual(codes)
  for (const text of sections) expect(text.split(/\s+/).length).toBeGreaterThan(15)
  for (const { code, exit } of errorCodes) expect(code[3]).toBe(String(exit)[0]!)
  for (const code of [bugCode, faultCode, machineCode] as const) expect(codes).toContain(code)
})

test("the page has each code of the endpoint, and no other", () => {
  const folder = join(import.meta.dir, "serve")
  const source = readdirSync(folder)
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .map((name) => readFileSync(join(folder, name), "utf8"))
    .join("\n")
  const written = [...source.matchAll(/code: ([^}\n]*)/g)].flatMap(([, text]) =>
    [...text!.matchAll(/"([a-z_]+)"/g)].map(([, code]) => code!),
  )
  const shown = [...page.matchAll(/^\| `([a-z_]+)` +\| \d/gm)].map(([, code]) => code!)
  expect(shown.toSorted()).toEqual([...new Set(written)].toSorted())
})

test("every error that crosses packages has a code, wrong input by its subject", () => {
  const input = (what: string) => errorCodeOf(new InvalidInput({ what, problems: ["no"] }))?.code
  expect(input("--set arms.a.filter=x")).toBe("WN-101")
  expect(input("experiment quikstart")).toBe("WN-102")
  expect(input("task jsonl")).toBe("WN-103")
  expect(input("preflight of data")).toBe("WN-103")
  expect(input("vocabularies")).toBe("WN-104")
  expect(input("models/a/tokenizer.json")).toBe("WN-105")
  expect(input("filter adaspec")).toBe("WN-106")
  expect(input("--proposer ngrm")).toBe("WN-106")
  expect(input("--minutes 0")).toBe("WN-107")
  expect(input("run abc")).toBe("WN-108")
  expect(input("prompts.jsonl")).toBe("WN-109")
  for (const [error, code] of [
    [new DataError({ message: "x" }), "WN-201"],
    [new FileError("x", "y", "EIO"), "WN-202"],
    [new TrainingStopped({ message: "x", step: 1 }), "WN-301"],
    [new PeerLost({ message: "x", step: 1 }), "WN-302"],
    [new EngineClosed({ message: "x" }), "WN-401"],
    [new NotReproduced({ message: "x" }), "WN-501"],
    [new Incomplete({ message: "x" }), "WN-601"],
  ] as const)
    expect(exitOf(Cause.fail(error))?.errorCode).toBe(code)
  expect(exitOf(Cause.die(new FileError("x", "y", "ENOSPC")))?.errorCode).toBe(machineCode)
})

test("an error of the command line is a line with its code, once, and says where the help is", () => {
  const errors = [
    new CliError.UnrecognizedOption({ option: "--limt", suggestions: ["--limit"], command: ["winnow", "experiment"] }),
    new CliError.UnrecognizedOption({ option: "--limt", suggestions: ["--limit"], command: ["winnow", "experiment"] }),
    new CliError.UnknownSubcommand({ subcommand: "runz", suggestions: ["runs"] }),
    new CliError.MissingOption({ option: "to" }),
    new CliError.MissingArgument({ argument: "RUN" }),
    new CliError.UnexpectedArgument({ arguments: ["a", "b"] }),
    new CliError.InvalidValue({ option: "jobs", value: "1.5\u001b[2J", expected: "Expected an integer", kind: "flag" }),
    new CliError.InvalidValue({ option: "launcher", value: "slrum", expected: '"local" | "slurm"', kind: "flag" }),
    new CliError.ValidationError({ message: "one\n  two" }),
  ]
  expect(usageText(["winnow", "experiment"], errors).split("\n")).toEqual([
    "error: winnow experiment: there is no flag --limt; did you mean --limit? [WN-111]",
    "error: winnow experiment: there is no command runz; did you mean runs? [WN-111]",
    "error: winnow experiment: the flag --to is missing [WN-111]",
    "error: winnow experiment: the argument RUN is missing [WN-111]",
    "error: winnow experiment: found a b, expected no further argument [WN-111]",
    'error: winnow experiment: --jobs: found "1.5\\u001b[2J", expected an integer [WN-107]',
    'error: winnow experiment: --launcher: found "slrum", expected "local" | "slurm"; did you mean slurm? [WN-107]',
    expect.stringMatching(/^error: winnow experiment: .+ \[WN-111\]$/),
    "`bun run winnow experiment --help` lists what there is",
  ])
})

test("no code of exitOf for an error of the command line; a message of several lines has it in the first", async () => {
  class Usage extends Data.TaggedError("Usage")<{ readonly message: string }> {}
  const exit = await Effect.runPromiseExit(Effect.fail(new Usage({ message: "x" })))
  expect(exit._tag === "Failure" && exitOf(exit.cause)).toBe(undefined as never)
  expect(withCode("one", "WN-109")).toBe("one [WN-109]")
  expect(withCode("one\ntwo", "WN-109")).toBe("one [WN-109]\ntwo")
})
