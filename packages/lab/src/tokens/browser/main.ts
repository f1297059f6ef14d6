/** The browser's part of a token page: reads the data that lies in the page, and wires controls, texts, panel and plane. */

import { escapeHtml } from "../../report/escape-html.ts"
import type { TokensDocument } from "../document.ts"
import { pageOf } from "./data.ts"
import { byId, option, percent } from "./elements.ts"
import { lineOf } from "./facts.ts"
import { showToken } from "./panel.ts"
import { Plane } from "./plane.ts"
import { Pane } from "./reading-pane.ts"
import { type Place, State } from "./state.ts"
import { figureText, shades } from "./views.ts"

const state = new State(pageOf(JSON.parse(byId("data").textContent!) as TokensDocument))
const label = (place: Place) => lineOf(state, place)

const look = (place: Place) => {
  showToken(state, place)
  plane.look(place)
}
const pane = new Pane(state, { look, label })
const plane = new Plane(state, {
  look,
  label,
  go: (place) => {
    pane.go(place)
  },
})

const mean = (values: ArrayLike<number> | null | undefined): number => {
  const all = Array.from(values ?? []).filter(Number.isFinite)
  return all.reduce((sum, value) => sum + value, 0) / all.length
}

/** The arms with their figures on these texts, and a box that shows each. */
const showArms = () => {
  const rows = state.texts.arms.map(({ name, filter, decoding }, arm) => {
    const { kept, draft, acceptance, step } = state.snapshot(arm)
    const tested = decoding ? Array.from(decoding.role).filter((role) => role < 2) : []
    const accepted = tested.filter((role) => role === 0).length / tested.length
    const checked = state.arms.includes(arm) ? " checked" : ""
    const cells = [
      kept ? percent(mean(kept)) : "–",
      decoding ? percent(accepted) : "–",
      acceptance ? percent(mean(acceptance)) : "–",
      figureText(mean(draft?.nll)),
    ]
    return (
      `<tr><th scope="row"><label><input type="checkbox" data-arm="${arm}"${checked}> ${escapeHtml(name)}</label> <small>${escapeHtml(filter)}, step ${step}</small></th>` +
      `${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`
    )
  })
  const head = ["arm, filter", "kept", "accepted", "expected", "loss"].map((text) => `<th scope="col">${text}</th>`)
  byId("arms").innerHTML = `<thead><tr>${head.join("")}</tr></thead><tbody>${rows.join("")}</tbody>`
}

const showLegend = () => {
  const { kind, reversed, title } = state.chosenView
  const sample = (name: string, text: string) => `<span class="sample t-${name}">${text}</span>`
  const scale = () => {
    const [low, high] = state.ends()
    const boxes = Array.from(
      { length: shades },
      (_, i) => `<span class="sample t-shade q${reversed ? shades - 1 - i : i}"></span>`,
    )
    return `<span class="scale">${figureText(low)} ${boxes.join("")} ${figureText(high)}</span> ${escapeHtml(title)}`
  }
  const legends = {
    kept: () => `${sample("kept", "kept")} ${sample("dropped", "dropped")}`,
    decoding: () =>
      [
        sample("accepted", "accepted"),
        '<span class="sample t-corrected" data-r="rejected">corrected</span>',
        sample("bonus", "bonus"),
        sample("alone", "no proposal"),
      ].join(" "),
    scale,
  }
  byId("legend").innerHTML = legends[kind]()
}

const showControls = () => {
  const { page, moments } = state
  byId("set").innerHTML = page.sets.map(({ title }, i) => option(String(i), title, i === state.set)).join("")
  byId("set").parentElement!.hidden = page.sets.length === 1
  byId("view").innerHTML = state.views.map(({ key, title }) => option(key, title, key === state.view)).join("")
  const slider = byId<HTMLInputElement>("moment")
  slider.max = String(moments.length - 1)
  slider.value = String(moments.indexOf(state.moment))
  slider.parentElement!.hidden = moments.length < 2
  byId("note").textContent = state.texts.note
}

const showMoment = () => {
  const { moment } = state
  const words =
    moment === 0
      ? "before the first step"
      : moment === 1
        ? "after the last step"
        : `after ${percent(moment)} of the steps`
  byId("moment-text").textContent = words
  byId("moment").setAttribute("aria-valuetext", words)
}

/** After a change of what tokens look like. */
const repaint = () => {
  showMoment()
  showArms()
  showLegend()
  pane.paint()
  plane.options()
  look(state.active)
}

/** After a change of texts or arms. */
const rebuild = () => {
  showControls()
  pane.build()
  repaint()
}

byId("set").addEventListener("change", (event) => {
  state.choose(Number((event.target as HTMLSelectElement).value))
  rebuild()
})
byId("view").addEventListener("change", (event) => {
  state.view = (event.target as HTMLSelectElement).value
  repaint()
})
byId("moment").addEventListener("input", (event) => {
  state.moment = state.moments[Number((event.target as HTMLInputElement).value)]!
  repaint()
})
byId("arms").addEventListener("change", (event) => {
  const box = event.target as HTMLInputElement
  const arm = Number(box.dataset["arm"])
  const arms = state.arms.filter((one) => one !== arm)
  if (box.checked) arms.push(arm)
  if (arms.length === 0) box.checked = true
  else state.arms = arms.toSorted((a, b) => a - b)
  rebuild()
  document.querySelector<HTMLInputElement>(`#arms [data-arm="${arm}"]`)!.focus()
})

byId<HTMLDetailsElement>("plane-box").open = matchMedia("(min-width: 1180px)").matches
rebuild()
document.documentElement.dataset["ready"] = ""
