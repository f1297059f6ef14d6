/** Prompts with the answers of their data sets: texts on which a look-up is tested. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { UsageError } from "../options.ts"

/** One prompt and its answer. */
export interface Answered {
  readonly prompt: string
  readonly answer: string
}

type Fields = Readonly<Record<string, unknown>>

interface DataSet {
  readonly name: string
  readonly file: string
  readonly of: (line: Fields) => Answered
}

const text = (value: unknown): string => String(value ?? "").trim()

/** The data sets, in the order of the table. */
export const dataSets: ReadonlyArray<DataSet> = [
  {
    name: "dialogsum",
    file: "summarisation/dialogsum_test_a.jsonl",
    of: ({ dialogue, summary1 }) => ({ prompt: `${text(dialogue)}\nSummary:`, answer: ` ${text(summary1)}` }),
  },
  {
    name: "news",
    file: "summarisation/news_cnndm_xsum_dev.jsonl",
    of: ({ document, summary }) => ({ prompt: `${text(document)}\nSummary:`, answer: ` ${text(summary)}` }),
  },
  {
    name: "mbpp",
    file: "mbpp/test_a.jsonl",
    of: ({ text: task, test_list, code }) => ({
      prompt: `${text(task)}\n${(test_list as ReadonlyArray<string>).join("\n")}\n`,
      answer: text(code).replaceAll("\r\n", "\n"),
    }),
  },
  {
    name: "gsm8k",
    file: "gsm8k/test_a.jsonl",
    of: ({ question, answer }) => ({ prompt: `Question: ${text(question)}\nAnswer:`, answer: ` ${text(answer)}` }),
  },
  {
    name: "alpaca",
    file: "alpaca/alpaca_5k.jsonl",
    of: ({ instruction, input, output }) => ({
      prompt: `${[text(instruction), text(input)].filter((part) => part !== "").join("\n")}\n`,
      answer: text(output),
    }),
  },
]

/** The tokenizer of the texts: Pythia's, 50 277 tokens. */
export const tokenizerFile = "tokenizers/gpt_neox_20b.tokenizer.json"

/** The path of a file of the data folder. @error UsageError if it is missing */
export const fileIn = (folder: string, file: string): string => {
  const path = join(folder, file)
  if (!existsSync(path)) throw new UsageError(`there is no ${path}: give --data the folder that holds ${file}`)
  return path
}

/** The first `limit` texts of a data set, without empty answers. */
export const readAnswered = (folder: string, { file, of }: DataSet, limit: number): ReadonlyArray<Answered> =>
  readFileSync(fileIn(folder, file), "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .slice(0, limit)
    .map((line) => of(JSON.parse(line) as Fields))
    .filter(({ answer }) => answer.trim() !== "")
