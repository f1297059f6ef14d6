/** Rows of a table, whatever the format of its file. */

/** A row: its columns, or its fault. */
export type Row = {
  /** Its place in the file: "line 3". */
  readonly at: string
} & ({ readonly columns: Readonly<Record<string, unknown>> } | { readonly problem: string })
