/**
 * The script of report pages: unfolds what a link leads to, saves the data behind plots, copies commands. It is the text
 * that a browser gets; without it a page still has all its words, tables and plots.
 */
export const script = String.raw`
{
  const unfold = () => {
    const at = location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null
    if (at === null) return
    for (let el = at; el !== null; el = el.parentElement) if (el.tagName === "DETAILS") el.open = true
    at.scrollIntoView()
  }
  const save = (name, text, type) => {
    const link = document.createElement("a")
    link.href = URL.createObjectURL(new Blob([text], { type }))
    link.download = name
    link.click()
    setTimeout(() => URL.revokeObjectURL(link.href), 1000)
  }
  // The data of a plot: by column, a list of its rows.
  const rowsOf = (columns) => {
    const names = Object.keys(columns)
    return columns[names[0]].map((_, i) => Object.fromEntries(names.map((name) => [name, columns[name][i]])))
  }
  const cell = (value) => {
    const text = value === null ? "" : String(value)
    return /[",\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text
  }
  const csv = (columns) =>
    [Object.keys(columns), ...rowsOf(columns).map(Object.values)].map((row) => row.map(cell).join(",") + "\n").join("")
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("button")
    if (button === null) return
    const { save: kind, copy, unfold: all } = button.dataset
    if (copy !== undefined) navigator.clipboard?.writeText(copy).then(() => { button.textContent = "copied" })
    if (all !== undefined) {
      const folds = [...document.querySelectorAll("details.section")]
      const open = folds.some((one) => !one.open)
      for (const one of folds) one.open = open
      button.textContent = open ? "fold all" : "unfold all"
    }
    if (kind === undefined) return
    const figure = button.closest("figure")
    if (kind === "svg") return save(figure.dataset.name + ".svg", figure.querySelector("svg").outerHTML, "image/svg+xml")
    const columns = JSON.parse(figure.querySelector("script").textContent)
    if (kind === "csv") save(figure.dataset.name + ".csv", csv(columns), "text/csv")
    else save(figure.dataset.name + ".json", JSON.stringify(rowsOf(columns), null, 1) + "\n", "application/json")
  })
  addEventListener("hashchange", unfold)
  addEventListener("beforeprint", () => { for (const one of document.querySelectorAll("details")) one.open = true })
  unfold()
}
`
