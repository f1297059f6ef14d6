/** The search field: a combo box whose list has the sections that have the words, the best first. */
import MiniSearch, { type SearchResult } from "minisearch"
import { type Section, searchOptions } from "./search-options.ts"

/** Results that the list shows. */
const MOST = 12

const script = document.querySelector<HTMLScriptElement>("script[data-root]")!
const root = script.dataset["root"] ?? ""

let index: Promise<MiniSearch<Section>> | undefined

/** The index, which is read with the first word that is asked for. */
const loadIndex = (): Promise<MiniSearch<Section>> =>
  (index ??= new Promise((resolve, reject) => {
    const tag = document.createElement("script")
    tag.src = `${root}assets/search-index.js`
    tag.onload = () =>
      resolve(MiniSearch.loadJSON((globalThis as { winnowIndex?: string }).winnowIndex!, searchOptions))
    tag.onerror = () => reject(new Error("the index of the search is missing: build the site again"))
    document.head.append(tag)
  }))

/** Text with the words that were asked for marked. */
const marked = (text: string, words: ReadonlyArray<string>): Array<Node | string> => {
  if (words.length === 0) return [text]
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
  return text.split(new RegExp(`(${escaped.join("|")})`, "gi")).map((piece, i) => {
    if (i % 2 === 0) return piece
    const mark = document.createElement("mark")
    mark.textContent = piece
    return mark
  })
}

const item = (result: SearchResult, i: number): HTMLLIElement => {
  const li = document.createElement("li")
  li.id = `searchResult-${i}`
  li.role = "option"
  li.ariaSelected = "false"
  const link = document.createElement("a")
  link.href = root + String(result["place"])
  link.tabIndex = -1
  const [title, text] = [document.createElement("b"), document.createElement("span")]
  const name = result["heading"] === "" ? result["page"] : `${result["page"]}: ${result["heading"]}`
  title.append(...marked(String(name), result.terms))
  text.append(...marked(String(result["shown"]), result.terms))
  link.append(title, text)
  li.append(link)
  return li
}

/** Sections with all words, then those with some of them. */
const resultsFor = (index: MiniSearch<Section>, words: string): ReadonlyArray<SearchResult> => {
  const all = index.search(words)
  const known = new Set(all.map(({ id }) => id))
  const some = all.length >= MOST ? [] : index.search(words, { combineWith: "OR" }).filter(({ id }) => !known.has(id))
  return [...all, ...some].slice(0, MOST)
}

/** Makes the field of the page answer. */
export const startSearch = (): void => {
  const input = document.querySelector<HTMLInputElement>("#searchWords")!
  const list = document.querySelector<HTMLUListElement>("#searchResults")!
  const said = document.querySelector<HTMLElement>("#searchSaid")!
  let at = -1
  const choose = (next: number) => {
    const items = [...list.querySelectorAll<HTMLLIElement>("[role=option]")]
    at = items.length === 0 ? -1 : (next + items.length) % items.length
    for (const [i, one] of items.entries()) one.ariaSelected = String(i === at)
    items[at]?.scrollIntoView({ block: "nearest" })
    if (at < 0) input.removeAttribute("aria-activedescendant")
    else input.setAttribute("aria-activedescendant", `searchResult-${at}`)
  }
  const close = () => {
    list.hidden = true
    input.ariaExpanded = "false"
    choose(-1)
    at = -1
  }
  const show = async () => {
    const words = input.value.trim()
    if (words === "") {
      said.textContent = ""
      return close()
    }
    try {
      const results = resultsFor(await loadIndex(), words)
      if (input.value.trim() !== words) return
      list.replaceChildren(...results.map(item))
      said.textContent =
        results.length === 0
          ? "no section has these words"
          : `${results.length} ${results.length === 1 ? "section" : "sections"}`
      list.hidden = results.length === 0
      input.ariaExpanded = String(results.length > 0)
      at = -1
      input.removeAttribute("aria-activedescendant")
    } catch (error) {
      said.textContent = (error as Error).message
    }
  }
  input.addEventListener("input", () => void show())
  input.addEventListener("focus", () => void loadIndex().catch(() => {}))
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      if (list.hidden) input.value = ""
      return close()
    }
    if (list.hidden) return
    if (event.key === "ArrowDown") choose(at + 1)
    else if (event.key === "ArrowUp") choose(at < 0 ? -1 : at - 1)
    else if (event.key === "Enter") list.querySelectorAll<HTMLAnchorElement>("a")[Math.max(0, at)]?.click()
    else return
    event.preventDefault()
  })
  list.addEventListener("click", close)
  document.addEventListener("click", ({ target }) => {
    if (!(target as Element).closest(".search")) close()
  })
  document.addEventListener("keydown", (event) => {
    const typing = (event.target as Element).matches("input, textarea, select")
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey) return
    event.preventDefault()
    input.focus()
  })
}
