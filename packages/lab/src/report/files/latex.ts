/** Tables as LaTeX: a `tabular` with the rules of the package booktabs. */
import type { StudyTable } from "../../study/table.ts"
import { cellsOf } from "../../table/cells.ts"

const special: Readonly<Record<string, string>> = {
  "&": "\\&",
  "%": "\\%",
  $: "\\$",
  "#": "\\#",
  _: "\\_",
  "{": "\\{",
  "}": "\\}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
  "\\": "\\textbackslash{}",
  "|": "\\textbar{}",
  "<": "\\textless{}",
  ">": "\\textgreater{}",
  "±": "$\\pm$",
}

/** Text as LaTeX, for engines that read UTF-8. */
export const escapeLatex = (text: string): string =>
  text.replace(/[&%$#_{}~^\\|<>±]/g, (c) => special[c]!).replace(/(?<![\w.])-(?=\d)/g, "$-$")

/** @param source where the figures are from: comments above the table */
export const tableLatex = (table: StudyTable, source: ReadonlyArray<string>): string => {
  const { rows, left } = cellsOf(table)
  const [head, ...body] = rows.map((row) => `${row.map(escapeLatex).join(" & ")} \\\\`)
  const columns = (rows[0] ?? []).map((_, i) => (left.has(i) ? "l" : "r")).join("")
  return [
    ...[table.title, ...table.notes, ...source, "\\usepackage{booktabs}"].map((line) => `% ${line}`),
    `\\begin{tabular}{${columns}}`,
    "\\toprule",
    head,
    "\\midrule",
    ...body,
    "\\bottomrule",
    "\\end{tabular}",
    "",
  ].join("\n")
}
