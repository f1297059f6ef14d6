/** A person reads a book over some days: the pages of a day, the pages of all days, the pages left. */
import type { Scene } from "../problem.ts"

export const reading: Scene = (p, steps) => {
  const who = p.person()
  const { largest } = p.difficulty
  const monday = steps === 1 ? p.number(largest - 2) : p.change()
  p.tell(`On Monday ${who.name} reads ${monday} pages.`)
  let read = monday
  if (steps > 1) {
    const fewer = p.chance()
    const by = p.change(fewer ? monday - 2 : largest - 2 * monday)
    p.tell(`On Tuesday ${who.pronoun} reads ${by} pages ${fewer ? "fewer" : "more"}.`)
    const ways = [`On Tuesday it is = pages.`, `Tuesday brings = pages.`, `Then = pages are read.`]
    const tuesday = p.work(monday, fewer ? "-" : "+", by, ways)
    read = p.work(monday, "+", tuesday, [`Both days make = pages.`, `That is = in two days.`, `So = pages are read.`])
  }
  if (steps > 3) {
    const more = p.change(largest - read)
    p.tell(`On Wednesday ${who.pronoun} reads ${more} pages.`)
    read = p.work(read, "+", more, [`Three days make = pages.`, `With Wednesday it is =.`, `So = pages are read.`])
  }
  if (steps === 2) return p.finish(`How many pages does ${who.name} read in both days?`)
  const pages = read + p.change(largest - read)
  p.tell(`The book has ${pages} pages.`)
  p.work(pages, "-", read, [`That leaves = pages.`, `There are = pages to go.`, `So = pages remain.`])
  return p.finish(`How many pages are left to read?`)
}
