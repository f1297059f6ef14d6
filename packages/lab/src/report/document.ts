/** A report before it is a page or files: its head, and sections of text, tables and plots. */
import type { StudyTable } from "../study/table.ts"
import type { Plot } from "./plot.ts"

/** A piece of a section. */
export type Part =
  | { readonly kind: "html"; readonly html: string }
  | {
      readonly kind: "table"
      readonly table: StudyTable
      /** Columns that show at once, without that of the names; the others unfold. All if left out. */
      readonly first?: number
      /** Links of row names, by name. */
      readonly links?: ReadonlyMap<string, string>
    }
  /** One plot, or several that stand beside each other where there is room. */
  | { readonly kind: "plots"; readonly plots: ReadonlyArray<Plot> }

export interface Section {
  /** Lower-case words with hyphens: the anchor. */
  readonly id: string
  readonly title: string
  /** False for what a busy reader sees. */
  readonly folded: boolean
  readonly parts: ReadonlyArray<Part>
}

export interface Report {
  /** Experiment, part, preset, run. */
  readonly slug: string
  readonly question: string
  /** In one line, each a few words. */
  readonly facts: ReadonlyArray<string>
  /** A line or two: the first is the verdict. */
  readonly verdict: ReadonlyArray<string>
  /** The row in bold; null for none. */
  readonly about: string | null
  readonly sections: ReadonlyArray<Section>
}

export const html = (text: string): Part => ({ kind: "html", html: text })

/** Plots of which some may be missing; no part without any. */
export const plots = (all: ReadonlyArray<Plot | undefined>): ReadonlyArray<Part> => {
  const drawn = all.filter((plot) => plot !== undefined)
  return drawn.length === 0 ? [] : [{ kind: "plots", plots: drawn }]
}

/** A section; none if it has no part. */
export const section = (
  id: string,
  title: string,
  parts: ReadonlyArray<Part>,
  { folded = true }: { readonly folded?: boolean } = {},
): ReadonlyArray<Section> => (parts.length === 0 ? [] : [{ id, title, folded, parts }])

/** All tables of a report, in its order. */
export const tablesIn = ({ sections }: Pick<Report, "sections">): ReadonlyArray<StudyTable> =>
  sections.flatMap(({ parts }) => parts.flatMap((part) => (part.kind === "table" ? [part.table] : [])))

/** All plots of a report, in its order. */
export const plotsIn = ({ sections }: Pick<Report, "sections">): ReadonlyArray<Plot> =>
  sections.flatMap(({ parts }) => parts.flatMap((part) => (part.kind === "plots" ? part.plots : [])))
