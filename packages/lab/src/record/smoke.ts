/** Smoke runs: `--limit` cut their trainings, texts and measurements, so that their figures have no meaning. */

/** Steps of `--limit`, from a run's config; null of a run that nothing cut, and of records from before it was written. */
export const limitOf = ({ limit }: Readonly<Record<string, unknown>>): number | null =>
  typeof limit === "number" ? limit : null

/** The words of a record: a smoke run concludes nothing. */
export const wordsOf = <T extends { readonly verdict: string; readonly conclusions: ReadonlyArray<string> }>(
  config: Readonly<Record<string, unknown>>,
  words: T,
): T => {
  const limit = limitOf(config)
  if (limit === null) return words
  const verdict = `No verdict: this is a smoke run, cut by --limit ${limit}, whose figures have no meaning.`
  return { ...words, verdict, conclusions: [verdict] }
}
