/** Commands of the pages, in blocks and in sentences: their scripts, subcommands and flags are there. */
import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { winnow } from "../packages/cli/src/winnow.ts"
import { pages, root } from "./figures/repository.ts"

/** A command of the command line, with the flags that it takes and its subcommands. */
interface Known {
  readonly flags: ReadonlySet<string>
  readonly subcommands: ReadonlyMap<string, Known>
}

/** The parts of effect's command that its help is made of; they are in no declared type. */
interface Inner {
  readonly name: string
  readonly subcommands: ReadonlyArray<{ readonly commands: ReadonlyArray<Inner> }>
  readonly buildHelpDoc: (path: ReadonlyArray<string>) => { readonly flags?: ReadonlyArray<{ readonly name: string }> }
}

const ofAll = ["help", "version", "log-level", "wizard", "completions"]

const knownOf = (command: Inner, above: ReadonlyArray<string>): Known => {
  const own = (command.buildHelpDoc([command.name]).flags ?? []).map(({ name }) => name)
  const flags = [...above, ...own]
  const inside = command.subcommands.flatMap(({ commands }) => commands)
  return {
    flags: new Set(flags),
    subcommands: new Map(inside.map((one) => [one.name, knownOf(one, flags)] as const)),
  }
}
const top = knownOf(winnow as unknown as Inner, ofAll)

const scripts: Readonly<Record<string, string>> = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).scripts

/** The lines of commands on a page: those of blocks, with their continuations, and code spans of sentences. */
const commandsOf = (page: string): ReadonlyArray<string> => {
  const blocks = [...page.matchAll(/^```(?:sh|bash)\n([\s\S]*?)^```$/gm)].flatMap(([, text]) =>
    text!.replace(/\\\n/g, " ").split("\n"),
  )
  const spans = [...page.replace(/^ *```[\s\S]*?^ *```$/gm, "").matchAll(/`((?:bun run |winnow )[^`]+)`/g)].map(
    ([, text]) => text!.replace(/^winnow /, "bun run winnow "),
  )
  return [...blocks, ...spans].flatMap((line) => {
    const command = /bun run .*/.exec(line.replace(/(^|\s)#.*/, ""))?.[0]
    return command === undefined ? [] : [command]
  })
}

/** The words of a command: one in quotes is one word, and a pipe ends it. */
const wordsOf = (command: string) =>
  [...command.replace(/\s[|>&].*/, "").matchAll(/(?:[^\s"']|"[^"]*"|'[^']*')+/g)].map(([word]) => word)

/** The fault of a command; undefined if it has none. */
const faultOf = (command: string): string | undefined => {
  const [, , script, ...rest] = wordsOf(command)
  if (script === undefined || /^[A-Z]/.test(script)) return undefined
  if (!(script in scripts)) return `there is no script ${script}`
  if (script !== "winnow" && script !== "experiment") return undefined
  let at = script === "experiment" ? top.subcommands.get("experiment")! : top
  for (const word of rest) {
    const flag = /^--(?:no-)?([a-z-]+)/.exec(word)?.[1]
    if (flag !== undefined && !at.flags.has(flag) && !at.flags.has(`no-${flag}`)) return `there is no flag ${word}`
    const next = at.subcommands.get(word)
    if (next !== undefined) at = next
    else if (at === top && /^[A-Z]/.test(word)) return undefined
    else if (at === top && flag === undefined && /^[a-z]/.test(word)) return `there is no command ${word}`
  }
  return undefined
}

test.each([
  ["bun run nothing", "there is no script nothing"],
  ["bun run winnow compare a b", "there is no command compare"],
  ["bun run winnow runs show a --fast", "there is no flag --fast"],
  ["bun run experiment 004 --stes=4", "there is no flag --stes=4"],
])("%s: %s", (command, fault) => {
  expect(faultOf(command)).toBe(fault)
})

test.each([
  "bun run winnow runs compare A B --json --results DIR",
  `bun run experiment --set 'arms.a={"filter":"--none"}' --no-watch`,
  "bun run winnow KIND --whatever",
  "bun run winnow runs > /dev/full",
  "bun run bench --anything",
])("%s has no fault", (command) => {
  expect(faultOf(command)).toBeUndefined()
})

test("every command of the pages is there, with its flags", () => {
  const commands = pages().flatMap((file) =>
    commandsOf(readFileSync(join(root, file), "utf8")).map((command) => ({ file, command })),
  )
  expect(commands.length).toBeGreaterThan(300)
  const faults = commands.flatMap(({ file, command }) => {
    const fault = faultOf(command)
    return fault === undefined ? [] : [`${file}: ${command}: ${fault}`]
  })
  expect(faults).toEqual([])
})
