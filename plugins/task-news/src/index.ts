/** News: articles with summaries, of CNN and Daily Mail and of the BBC (the articles of FRANK, arXiv 2104.13346). */
import { dataOptions, defineDataTask } from "@winnow/core"
import { type } from "arktype"
import { newsFile } from "./files.ts"

export const news = defineDataTask({
  name: "news",
  options: type({
    "...": dataOptions,
    "+": "reject",
    /** Articles of CNN and Daily Mail with highlights, of the BBC with one sentence (XSum), or both. */
    from: "'both' | 'cnn_dailymail' | 'xsum' = 'both'",
  }),
  files: () => ({
    train: newsFile,
    validation: (line) => line % 10 === 8,
    test: (line) => line % 10 === 9 || line % 10 === 4,
  }),
  record: type({ dataset: "'cnn_dailymail' | 'xsum'", document: "string >= 1", summary: "string >= 1" }),
  example: ({ dataset, document, summary }, { from }) =>
    from === "both" || from === dataset
      ? { prompt: `${document.trim()}\nSummary:\n`, answer: summary.trim() }
      : undefined,
})
