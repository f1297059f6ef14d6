/** The width that output is made for. */

/** Columns of the terminal on stdout, or `COLUMNS` where stdout is none; undefined for output that has no width. */
export const terminalColumns = (): number | undefined => {
  if (process.stdout.isTTY === true) return process.stdout.columns
  const columns = Number(process.env["COLUMNS"])
  return Number.isInteger(columns) && columns > 0 ? columns : undefined
}
