/** `winnow clean`: lists or removes artifacts and attempts that no published or recent run needs. */
import { join } from "node:path"
import { FileError, fileErrorOf } from "@winnow/files"
import { findRemovable, fitText, houseRoot, type Removable, removeAll, winnowHome } from "@winnow/lab"
import { Console, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { sized } from "../sized.ts"
import { terminalColumns } from "../terminal.ts"

const total = (all: ReadonlyArray<Removable>) => all.reduce((sum, { bytes }) => sum + bytes, 0)

/** One row for each kind and stage, largest first. */
const tableOf = (removable: ReadonlyArray<Removable>): string => {
  const groups = [...Map.groupBy(removable, ({ kind, stage }) => `${kind}\0${stage ?? ""}`).values()]
  const rows = groups
    .toSorted((a, b) => total(b) - total(a))
    .map((group) => {
      const { kind, stage } = group[0]!
      const oldest = Math.max(...group.map(({ days }) => days))
      return [kind, stage ?? "", String(group.length), sized(total(group)), `${Math.floor(oldest)} days`]
    })
  return fitText([["what", "stage", "count", "size", "oldest"], ...rows], new Set([0, 1]), terminalColumns())
}

/** The command. */
export const clean = Command.make(
  "clean",
  {
    yes: Flag.Boolean("yes").pipe(Flag.withDefault(false), Flag.withDescription("remove; without it nothing is")),
    days: Flag.Int("days").pipe(
      Flag.withDefault(14),
      Flag.withDescription("artifacts used, and attempts and runs written, in the last days stay"),
    ),
    results: Flag.Directory("results").pipe(
      Flag.withDefault(join(houseRoot, "results")),
      Flag.withDescription("folder of the results: its records name the needed artifacts"),
    ),
    json: Flag.Boolean("json").pipe(Flag.withDefault(false), Flag.withDescription("JSON on stdout, path by path")),
  },
  Effect.fn("clean")(function* ({ yes, days, results, json }) {
    const home = winnowHome()
    const attempt = <A>(run: () => A) =>
      Effect.try({ try: run, catch: (error) => fileErrorOf(error, home) ?? new FileError(home, String(error)) })
    const { removable, needed } = yield* attempt(() => findRemovable(home, { results: [results], days }))
    if (yes) yield* attempt(() => removeAll(removable))
    if (json) return yield* Console.log(JSON.stringify({ home, removed: yes, removable, needed }, null, 2))
    const stays = `${needed.artifacts} artifacts stay, ${sized(needed.bytes)}.`
    if (removable.length === 0) return yield* Console.log(`Nothing to remove in ${home}; ${stays}`)
    const sum = sized(total(removable))
    const summary = yes ? `Removed ${sum} from ${home}` : `${sum} of ${home} can go: run again with --yes`
    yield* Console.log(`${tableOf(removable)}\n\n${summary}; ${stays}`)
  }),
).pipe(Command.withDescription("List, or remove, artifacts and attempts that no published and no recent run needs"))
