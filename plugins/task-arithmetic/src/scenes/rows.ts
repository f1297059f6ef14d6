/** A place has rows of things; some are added and some are taken away. */
import type { Scene } from "../problem.ts"

const places = [
  { place: "A hall", rows: "rows", things: "chairs", come: "are carried in", go: "are broken and thrown out" },
  { place: "A garden", rows: "beds", things: "tulips", come: "are planted at the fence", go: "are cut" },
  { place: "A library", rows: "shelves", things: "novels", come: "are bought", go: "are lent out" },
  { place: "A car park", rows: "lanes", things: "cars", come: "drive in", go: "drive away" },
  { place: "A bakery", rows: "trays", things: "rolls", come: "are baked later", go: "are sold" },
] as const

export const rows: Scene = (p, steps) => {
  const { place, rows, things, come, go } = p.pick(places)
  const many = p.factor()
  const each = p.change(Math.floor(p.difficulty.largest / many))
  p.tell(`${place} has ${many} ${rows} of ${each} ${things}.`)
  let have = p.work(many, "*", each, [`The ${rows} hold = ${things}.`, `At first there are =.`, `It starts with =.`])
  for (let i = 1; i < steps; i++) {
    if (p.chance()) {
      const more = p.change(p.difficulty.largest - have)
      p.tell(`Then ${more} ${things} ${come}.`)
      have = p.work(have, "+", more, [`Then there are = ${things}.`, `That makes =.`, `The number is =.`])
    } else {
      const fewer = p.change(have - 2)
      p.tell(`Then ${fewer} ${things} ${go}.`)
      have = p.work(have, "-", fewer, [`That leaves = ${things}.`, `Now = are there.`, `So = stay.`])
    }
  }
  return p.finish(`How many ${things} are there${steps > 1 ? " now" : ""}?`)
}
