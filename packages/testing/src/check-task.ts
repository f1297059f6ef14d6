/** The laws that every task keeps. */
import { DataError, Datasets, type Example, type Split, type TaskInstance, type TaskUse } from "@winnow/core"
import { Effect } from "effect"
import { type Law, lawsOf } from "./law.ts"

/** Inputs of a task's laws beside the task. */
export interface TaskClaims {
  /** Where its files come from, for a task that reads any. */
  readonly datasets?: Datasets["Service"]
  /** A text that does not solve the example; by default its answer with the last digit changed. */
  readonly wrong?: (example: Example) => string
  /** How many examples of each split are scored; 200 by default. */
  readonly scored?: number
}

const splits: ReadonlyArray<Split> = ["train", "validation", "test"]

const noDatasets: Datasets["Service"] = (() => {
  const refuse = (path: string) =>
    Effect.fail(new DataError({ message: `the task asks for ${path}; give checkTask its \`datasets\`` }))
  return {
    locate: ({ path }) => refuse(path),
    lines: ({ path }) => refuse(path),
    own: refuse,
    repository: refuse,
  }
})()

/** 42 -> 43, 79 -> 70: always another number, however the text writes it. */
const lastDigitChanged = ({ answer }: Example): string =>
  answer.replace(/\d(?=\D*$)/, (digit) => String((Number(digit) + 1) % 10))

/**
 * Checks a task with its options against all laws.
 *
 * The laws: no split is empty, no prompt, no answer; two fresh instances, and one asked twice, give the same examples
 * in the same order; no prompt is in two splits, so what is measured was not trained on; the score, if there is one, accepts an
 * example's own answer, and refuses a wrong answer and an empty text.
 *
 * @error LawBroken names the law, the split and the example
 */
export const checkTask = async (use: TaskUse<Datasets>, claims: TaskClaims = {}): Promise<void> => {
  const law = lawsOf(`task ${use.name}`)
  const fresh = () => Effect.runPromise(Effect.provideService(use.instance, Datasets, claims.datasets ?? noDatasets))
  const [task, other] = [await fresh(), await fresh()]
  const splitOf = new Map<string, Split>()

  for (const split of splits) {
    const examples = task.examples(split)
    law("not empty", examples.length > 0, () => `the ${split} split has no examples`)
    checkSame(law, split, examples, task.examples(split), "asked twice")
    checkSame(law, split, examples, other.examples(split), "of a second instance")
    for (const [i, { prompt, answer }] of examples.entries()) {
      law("prompt", prompt.trim() !== "", () => `${split}[${i}] has an empty prompt`)
      law("answer", answer.trim() !== "", () => `${split}[${i}] has an empty answer: nothing would be trained`)
      const elsewhere = splitOf.get(prompt)
      law(
        "disjoint",
        elsewhere === undefined || elsewhere === split,
        () => `${split}[${i}] has a prompt that the ${elsewhere} split has too: ${JSON.stringify(prompt)}`,
      )
      splitOf.set(prompt, split)
    }
    checkScore(law, task, split, claims)
  }
}

const checkSame = (
  law: Law,
  split: Split,
  examples: ReadonlyArray<Example>,
  again: ReadonlyArray<Example>,
  how: string,
) => {
  law(
    "deterministic",
    examples.length === again.length,
    () => `${split} has ${examples.length} examples, ${how} ${again.length}`,
  )
  const differs = examples.findIndex(
    ({ prompt, answer }, i) => prompt !== again[i]?.prompt || answer !== again[i]?.answer,
  )
  law(
    "deterministic",
    differs < 0,
    () => `${split}[${differs}] is another example ${how}; draw from a generator seeded by the options`,
  )
}

const checkScore = (law: Law, { examples, score }: TaskInstance, split: Split, claims: TaskClaims) => {
  if (score === undefined) return
  for (const [i, example] of examples(split)
    .slice(0, claims.scored ?? 200)
    .entries()) {
    const on = `${split}[${i}]`
    const { answer } = example
    law("score accepts", score(example, answer), () => `${on}: its own answer is refused: ${JSON.stringify(answer)}`)
    const wrong = (claims.wrong ?? lastDigitChanged)(example)
    law("a wrong text", wrong !== answer, () => `${on}: found no wrong answer to try; give checkTask \`wrong\``)
    law("score refuses", !score(example, wrong), () => `${on}: a wrong answer is accepted: ${JSON.stringify(wrong)}`)
    law("score refuses", !score(example, ""), () => `${on}: the empty text is accepted`)
  }
}
