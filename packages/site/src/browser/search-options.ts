/** The form of the search's index, the same when it is made and when it is read. */
import type { Options } from "minisearch"

/** A section of a page: a result of the search. */
export interface Section {
  readonly id: string
  readonly page: string
  /** Empty for the text below the page's own title. */
  readonly heading: string
  readonly text: string
  /** Its address from the root of the site. */
  readonly place: string
  /** The beginning of its text. */
  readonly shown?: string
}

/** Words match by their beginning, and with a slip; the docs come before experiments and plugins. */
export const searchOptions: Options<Section> = {
  fields: ["page", "heading", "text"],
  storeFields: ["page", "heading", "place", "shown"],
  searchOptions: {
    boost: { page: 3, heading: 4 },
    boostDocument: (_, __, stored) => (String(stored?.["place"]).startsWith("docs/") ? 2 : 1),
    prefix: true,
    fuzzy: 0.15,
    combineWith: "AND",
  },
}
