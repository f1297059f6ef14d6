/** Text in columns. */

/** Rows of cells as aligned text, two spaces between columns; the first row is the head. */
export const align = (rows: ReadonlyArray<ReadonlyArray<string>>, left: ReadonlySet<number>): string => {
  const width = (column: number) => Math.max(...rows.map((row) => Bun.stringWidth(row[column] ?? "")))
  const widths = (rows[0] ?? []).map((_, i) => width(i))
  const pad = (text: string, i: number) => {
    const space = " ".repeat(widths[i]! - Bun.stringWidth(text))
    return left.has(i) ? text + space : space + text
  }
  const line = (row: ReadonlyArray<string>) => row.map(pad).join("  ").trimEnd()
  const rule = widths.map((w) => "─".repeat(w)).join("  ")
  const [head, ...body] = rows
  return [line(head ?? []), rule, ...body.map(line)].join("\n")
}

/** A paragraph in lines of at most `width`: the first begins with `first`, the others with as many spaces. */
export const wrap = (text: string, width: number, first = ""): string => {
  const lines: Array<string> = []
  let line = first
  for (const word of text.split(" ")) {
    const open = line.trim() === "" || line === first
    if (!open && Bun.stringWidth(line) + 1 + Bun.stringWidth(word) > width) {
      lines.push(line)
      line = " ".repeat(first.length) + word
    } else line = open ? line + word : `${line} ${word}`
  }
  return [...lines, line].join("\n")
}
