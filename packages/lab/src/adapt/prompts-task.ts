/** Prompts of a file as a task: one JSON object a line, with an answer where the line has one. */
import { DataError, defineTask, type Example, InvalidInput } from "@winnow/core"
import { FileError, parseJson, readRegularText } from "@winnow/files"
import { type } from "arktype"
import { Effect } from "effect"

/** Most bytes of a file of prompts. */
const most = 2 ** 30

/** Problems in a message; a file of another kind has one for each line. */
const shown = 6

/** Further keys are the user's own. */
const lineOf = type({ prompt: "string", "answer?": "string" }).or({ text: "string" })

/** Examples for training and those that are held out. */
interface SplitExamples {
  readonly train: ReadonlyArray<Example>
  readonly test: ReadonlyArray<Example>
  /** Examples of neither: their prompts are held out. */
  readonly leftOut: number
}

/** Holds out so many examples, evenly spread, and leaves the same prompts out of the training. */
export const splitExamples = (all: ReadonlyArray<Example>, heldOut: number): SplitExamples => {
  const isHeldOut = (i: number) => Math.floor(((i + 1) * heldOut) / all.length) > Math.floor((i * heldOut) / all.length)
  const test = all.filter((_, i) => isHeldOut(i))
  const held = new Set(test.map(({ prompt }) => prompt))
  const train = all.filter(({ prompt }) => !held.has(prompt))
  return { train, test, leftOut: all.length - train.length - test.length }
}

/** The examples of a file's content. @error InvalidInput (thrown) with a line for each fault */
export const examplesOf = (file: string, content: string): ReadonlyArray<Example> => {
  const problems: Array<string> = []
  const examples: Array<Example> = []
  for (const [i, raw] of content.split("\n").entries()) {
    const line = raw.trim()
    if (line === "") continue
    const expected = `expected {"prompt": "..."}, with "answer" or without, or {"text": "..."}`
    let value: unknown
    try {
      value = parseJson(line)
    } catch {
      problems.push(`line ${i + 1}: found ${line.slice(0, 60)}, no JSON; ${expected}`)
      continue
    }
    const read = lineOf(value)
    if (read instanceof type.errors) problems.push(`line ${i + 1}: ${read[0]!.message}; ${expected}`)
    else if ("text" in read) examples.push({ prompt: "", answer: read.text })
    else examples.push({ prompt: read.prompt, answer: read.answer ?? "" })
  }
  if (problems.length === 0 && examples.length === 0) problems.push("found no line; expected one prompt a line")
  if (problems.length === 0) return examples
  const more = problems.length > shown ? [`and ${problems.length - shown} more lines`] : []
  throw new InvalidInput({ what: file, problems: [...problems.slice(0, shown), ...more] })
}

/** The task: its training split has every line but those that are held out, in the file's order; they are its test split. */
export const prompts = defineTask({
  name: "prompts",
  options: type({
    "+": "reject",
    file: "string >= 1",
    /** Lines of the test split, evenly spread over the file. */
    heldOut: "number.integer >= 0 = 0",
  }),
  make: ({ file, heldOut }) =>
    Effect.try({
      try: () => {
        const all = examplesOf(file, readRegularText(file, { most, what: "a file of prompts" }))
        const { train, test, leftOut } = splitExamples(all, heldOut)
        const notes =
          leftOut === 0 ? [] : [`${leftOut} lines have a prompt that is held out, and are left out of the training`]
        return { examples: (split: string) => (split === "train" ? train : split === "test" ? test : []), notes }
      },
      catch: (error) => {
        if (error instanceof InvalidInput) return error
        if (error instanceof FileError) return new DataError({ message: error.message, cause: error })
        throw error
      },
    }),
})
