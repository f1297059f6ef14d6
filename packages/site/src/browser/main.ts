/** The script of every page: search, buttons that copy code, the menu that folds. A page without it has all its words. */
import { startSearch } from "./search.ts"

/** A button on each block of code. */
const addCopyButtons = (): void => {
  for (const block of document.querySelectorAll<HTMLElement>(".code")) {
    const button = document.createElement("button")
    button.type = "button"
    button.textContent = "copy"
    button.ariaLabel = "Copy this code"
    button.addEventListener("click", async () => {
      await navigator.clipboard?.writeText(block.querySelector("code")!.textContent)
      button.textContent = "copied"
      setTimeout(() => {
        button.textContent = "copy"
      }, 1500)
    })
    block.append(button)
  }
}

/** The menu stays open beside the text, and is folded above it. */
const foldMenu = (): void => {
  const menu = document.querySelector<HTMLDetailsElement>(".menu")!
  const wide = matchMedia("(min-width: 1000px)")
  const fit = () => {
    menu.open = wide.matches
  }
  wide.addEventListener("change", fit)
  fit()
  const here = menu.querySelector<HTMLElement>("[aria-current]")
  if (wide.matches && here !== null) menu.scrollTop = here.offsetTop - 200
}

foldMenu()
addCopyButtons()
startSearch()
