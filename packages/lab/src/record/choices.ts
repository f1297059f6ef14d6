/** Tables of the choices on the validation split: a ranking of the drafts' starts, and arms to begin with. */
import type { Choice } from "../choices.ts"
import { column, type StudyTable } from "../study/table.ts"
import { countStyle, number } from "../table/entries.ts"

const seedsText = (seeds: ReadonlyArray<number>): string =>
  `${seeds.length === 1 ? "seed" : "seeds"} ${seeds.join(", ")}`

const measured: Readonly<Record<string, string>> = {
  greedyAcceptance: "greedy acceptance",
  expectedAcceptance: "expected acceptance",
}

/** The name of a choice's table: "ranking" of the drafts' start, "choice-private" of an arm's. */
const nameOf = ({ at }: Choice): string => (at === "draft.start" ? "ranking" : `choice-${at.split(".")[1]}`)

/** A table a choice: the candidates, the best first, each with what chose and with the scores beside it. */
const tableOf = (choice: Choice): StudyTable => {
  const { at, by, better, dataset, seeds, prompts, tried, chosen } = choice
  // A candidate without a score comes last.
  const rank = (score: number | null) => (score === null ? Number.MAX_VALUE : better === "higher" ? -score : score)
  const names = tried[0] ? Object.keys(tried[0].scoresByName) : []
  const share = by in measured ? ({ style: "percent", unit: "%" } as const) : {}
  const styleOf = (name: string) => {
    const style = countStyle(tried.map(({ scoresByName }) => scoresByName[name]))
    return style === undefined ? {} : { style }
  }
  const beside = names.filter((name) => name !== by)
  const texts = prompts === undefined ? "" : `, ${prompts} prompts`
  return {
    name: nameOf(choice),
    title: at === "draft.start" ? "Candidates for the drafts' start" : `Arms that ${at.split(".")[1]} may begin with`,
    of: "candidate",
    notes: [
      `The ${better === "higher" ? "highest" : "lowest"} ${measured[by] ?? by} on ${dataset} (${seedsText(seeds)}${texts}) was taken: ${chosen}. No measured draft has ${seeds.length === 1 ? "this seed" : "these seeds"}.`,
    ],
    columns: [
      column("score", by in measured ? `${measured[by]!.split(" ")[0]} %` : by, {
        ...{ kind: "cost", name: measured[by] ?? by, direction: better },
        ...(by in measured ? share : styleOf(by)),
      }),
      ...beside.map((name) => column(name, name, { kind: "cost", ...styleOf(name) })),
      column("taken", "taken", { kind: "text" }),
    ],
    rows: tried
      .toSorted((a, b) => rank(a.score) - rank(b.score))
      .map(({ name, score, scoresByName }) => ({
        name,
        context: false,
        cells: {
          score: number(score),
          ...Object.fromEntries(beside.map((of) => [of, number(scoresByName[of]!)])),
          taken: name === chosen ? "yes" : "",
        },
      })),
  }
}

/** The tables of a run's choices; none where it chooses nothing but settings. */
export const choicesTables = ({ choices }: { readonly choices: ReadonlyArray<Choice> }): ReadonlyArray<StudyTable> =>
  choices.map(tableOf)
