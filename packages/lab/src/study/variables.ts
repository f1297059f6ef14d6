/**
 * Variables read off a frozen target: does a light head's skill follow from how much the next token tells of the variable?
 *
 * Each arm is one head on one variable: on the frozen target, with the variable's previous value beside the state, or with a
 * copy of the target that is trained along.
 */
import { InvalidInput, measureUse, usesIn, type VariableUse } from "@winnow/core"
import { type } from "arktype"
import { Effect } from "effect"
import { plain } from "../experiment/plain-json.ts"
import { type VariableFacts, variableFactsStage } from "../stages/variable-facts.ts"
import { defineMeasuresStudy, type StudyDraft, type StudyFinding } from "./study.ts"
import { type Mode, reportVariables, type VariableArm } from "./variables-report.ts"

const options = type({
  "+": "reject",
  // The accuracy of a head, 0 to 1.
  reached: measureUse,
})

/** An arm's variable by the name of its group, with the way in which it is read. */
interface Placed {
  readonly variable: VariableUse
  readonly group: string
  readonly bins: number
  readonly mode: Mode
}

const placeOf = ({ name, head, movesTrunk }: StudyDraft): Effect.Effect<Placed, InvalidInput> =>
  Effect.gen(function* () {
    const variable = head && (usesIn(head.options).find((use) => use.kind === "variable") as VariableUse | undefined)
    if (head === undefined || variable === undefined) {
      const problems = [
        `arm ${name} has no head of a variable; expected one, such as head(mlp({ variable: capital() }))`,
      ]
      return yield* new InvalidInput({ what: "study variables", problems })
    }
    const { options } = yield* plain(head)
    const { previous, bins } = options as { readonly previous?: boolean; readonly bins?: number }
    const mode = movesTrunk ? "full" : previous ? "previous" : "frozen"
    return { variable, group: variable.name, bins: bins ?? 16, mode }
  })

/**
 * The study `variables`: a head's skill beside the share of the variable that the next token tells, against full fine-tuning
 * and the previous value.
 *
 * @param options.reached a measure of heads that is a share, such as `accuracy`
 */
export const variables = defineMeasuresStudy({
  name: "variables",
  from: import.meta.url,
  options,
  make: ({ reached: measure }) => ({
    problems: () => [],
    stages: ({ drafts, data, target, tokenizer, measured, measureBy }) =>
      Effect.gen(function* () {
        const placed = yield* Effect.forEach(drafts, (draft) =>
          Effect.map(placeOf(draft), (place) => ({ ...draft, ...place })),
        )
        const arms = new Map(placed.map(({ name, group, mode }) => [name, `${group}, ${mode}`]))
        const twice = [...arms].find(([name, of]) => [...arms].some(([other, its]) => other !== name && its === of))
        if (twice !== undefined) {
          const problems = [`arm ${twice[0]} is one of several for ${twice[1]}; leave one`]
          return yield* new InvalidInput({ what: "study variables", problems })
        }
        const reached = yield* Effect.forEach(placed, (draft) =>
          Effect.map(measureBy(`${measure.name} of ${draft.name}, seed ${draft.seed}`, measure, draft), (stage) => ({
            ...{ row: draft.name, seed: draft.seed, of: "reached", stage },
          })),
        )
        const facts = yield* Effect.forEach(placed, ({ name, seed, variable, bins, group, mode }) =>
          Effect.map(variableFactsStage({ variable, bins, data, target, tokenizer, ...measured }), (stage) => ({
            ...{ row: name, seed, of: "facts", facts: { group, mode }, stage },
          })),
        )
        return [...reached, ...facts]
      }),
    report: (run, _, findings) => ({ ...reportVariables(run, armsOf(findings)), alone: true }),
  }),
})

const armsOf = (findings: ReadonlyArray<StudyFinding>): ReadonlyArray<VariableArm> => {
  const ofFacts = findings.filter(({ of }) => of === "facts")
  return [...Map.groupBy(ofFacts, ({ row }) => row)].map(([name, [first]]) => {
    const { summary, facts } = first!
    const { group, mode } = facts as unknown as Pick<Placed, "group" | "mode"> // `stages` wrote them
    const accuracy = findings.flatMap(({ row, of, summary: { value } }) =>
      row === name && of === "reached" && typeof value === "number" ? [value] : [],
    )
    return { name, variable: group, mode, facts: summary as unknown as VariableFacts, accuracy } // its stage wrote it
  })
}
