/** News with summaries, from the articles of FRANK's validation split at one commit of its repository. */
import { type DerivedFile, jsonLines, type ServedFile } from "@winnow/core"
import { type } from "arktype"
import { articles } from "./articles.ts"

// The repository is MIT; the news belong to CNN, Daily Mail and BBC.
const licence = "MIT"
const folder =
  "https://raw.githubusercontent.com/artidoro/frank/5860706bda0641136d10d27ead52c5f6ae79630e/data/articles-wfactcc-json"

const [first, ...others] = articles.map(
  ([id, bytes, sha256]): ServedFile => ({
    path: `summarisation/frank/${id}.json`,
    url: `${folder}/${id}.json`,
    sha256,
    bytes,
    licence,
  }),
)

/** An article of the source, of CNN and Daily Mail or of XSum; its other fields are summaries by models. */
const article = type({ hash: "string", article: "string", bart_reference: "string" }).or({
  hash: "string",
  article: "string",
  Gold: "string",
})

/** A text without the names of share buttons before it, quotes of two letters as one, and letters not escaped. */
const clean = (text: string): string =>
  text
    .replace(/^Share this with.*?Copy this link/, "")
    .replaceAll(/``|''|\\'\\'/g, '"')
    .replaceAll(/\\(.)/g, "$1")

/** Articles as records, in the order of the files. */
export const records = (...files: ReadonlyArray<Uint8Array>): string =>
  jsonLines(
    files.map((file) => {
      const source = article.assert(JSON.parse(new TextDecoder().decode(file)))
      const [dataset, summary] =
        "Gold" in source ? (["xsum", source.Gold] as const) : (["cnn_dailymail", source.bart_reference] as const)
      return { id: source.hash, dataset, document: clean(source.article), summary: clean(summary) }
    }),
  )

/** 149 articles. */
export const newsFile: DerivedFile = {
  path: "summarisation/news_cnndm_xsum_dev.jsonl",
  of: [first!, ...others],
  by: records,
  sha256: "190c392fb3b21b2002aeef96efbe4393c23d904624762932320ad316a40a8a6e",
  bytes: 477037,
  licence,
}
