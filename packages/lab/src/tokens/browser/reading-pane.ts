/** The texts: a column for each arm, a box for each token; colours, focus and keys. */

import { escapeHtml } from "../../report/escape-html.ts"
import { noToken } from "../constants.ts"
import { textOf } from "./data.ts"
import { byId } from "./elements.ts"
import { alone, inText } from "./pieces.ts"
import type { Place, State } from "./state.ts"

/** Events of the texts. */
export interface PaneEvents {
  /** A token is looked at, by the pointer or by the focus. */
  readonly look: (place: Place) => void
  /** The name of a token for a voice. */
  readonly label: (place: Place) => string
}

/** The texts of a page. */
export class Pane {
  readonly #root = byId("texts")
  /** Of each arm that is shown its boxes, in the order of tokens. */
  #boxes = new Map<number, ReadonlyArray<HTMLElement>>()
  #current: HTMLElement | undefined
  #peers: ReadonlyArray<HTMLElement> = []

  constructor(
    readonly state: State,
    readonly events: PaneEvents,
  ) {
    this.#root.addEventListener("pointerover", (event) => {
      const place = this.#placeOf(event.target)
      if (place) events.look(place)
    })
    this.#root.addEventListener("pointerleave", () => events.look(state.active))
    this.#root.addEventListener("click", (event) => {
      const place = this.#placeOf(event.target)
      if (place) this.go(place)
    })
    this.#root.addEventListener("keydown", (event) => this.#key(event))
    this.#root.addEventListener("focusin", (event) => {
      const place = this.#placeOf(event.target)
      if (place) this.#enter(place)
    })
  }

  #placeOf(target: EventTarget | null): Place | undefined {
    const box = target instanceof Element ? target.closest<HTMLElement>("[data-n]") : null
    if (box === null) return undefined
    return { n: Number(box.dataset["n"]), arm: Number(box.parentElement!.dataset["arm"]) }
  }

  #box({ arm, n }: Place): HTMLElement | undefined {
    return this.#boxes.get(arm)?.[n]
  }

  /** Builds the texts anew. */
  build(): void {
    const { state } = this
    const { texts, page } = state
    const { pieceOf } = page
    const column = (text: number, arm: number) => {
      const { name, decoding } = state.arm(arm)
      const boxes: Array<string> = []
      for (let n = texts.starts[text]!; n < texts.starts[text + 1]!; n++) {
        const rejected = decoding?.rejected[n] ?? noToken
        const ghost = rejected === noToken ? "" : ` data-r="${escapeHtml(alone(pieceOf(rejected)))}"`
        const word = escapeHtml(inText(pieceOf(texts.tokens[n]!)))
        boxes.push(`<span role="option" aria-selected="false" tabindex="-1" data-n="${n}"${ghost}>${word}</span>`)
      }
      return (
        `<div class="column"><p class="of-arm" aria-hidden="true">${escapeHtml(name)}</p>` +
        `<div role="listbox" aria-orientation="horizontal" data-arm="${arm}" aria-label="${escapeHtml(`text ${text + 1}, ${name}`)}">${boxes.join("")}</div></div>`
      )
    }
    this.#root.style.setProperty("--columns", String(state.arms.length))
    this.#root.innerHTML = texts.prompts
      .map((ids, text) => {
        const prompt = Array.from(ids, (id) => inText(pieceOf(id))).join("")
        const tokens = texts.starts[text + 1]! - texts.starts[text]!
        return (
          `<section class="one-text" aria-label="text ${text + 1}"><h3>Text ${text + 1} <span>${tokens} tokens</span></h3>` +
          `<details class="prompt"><summary><span>${escapeHtml(prompt.replaceAll("\n", " "))}</span></summary><p>${escapeHtml(prompt)}</p></details>` +
          `<div class="columns">${state.arms.map((arm) => column(text, arm)).join("")}</div></section>`
        )
      })
      .join("")
    this.#boxes = new Map(
      state.arms.map((arm) => [arm, [...this.#root.querySelectorAll<HTMLElement>(`[data-arm="${arm}"] > [data-n]`)]]),
    )
    this.#current = undefined
    this.#peers = []
    this.paint()
    if (!this.#boxes.has(state.active.arm)) state.active = { ...state.active, arm: state.arms[0]! }
    this.#mark(state.active)
  }

  /** Colours all tokens. */
  paint(): void {
    const ends = this.state.ends()
    for (const [arm, boxes] of this.#boxes) {
      const classes = this.state.classes(arm, ends)
      for (const [n, box] of boxes.entries()) if (box.className !== classes[n]) box.className = classes[n]!
    }
  }

  /** Marks a token as the one that Tab comes back to, and its peers in the other arms. */
  #mark(place: Place): void {
    if (this.#current) {
      this.#current.tabIndex = -1
      this.#current.setAttribute("aria-selected", "false")
    }
    for (const peer of this.#peers) delete peer.dataset["peer"]
    this.#current = this.#box(place)
    if (this.#current) {
      this.#current.tabIndex = 0
      this.#current.setAttribute("aria-selected", "true")
    }
    this.#peers = [...this.#boxes.keys()].flatMap((arm) =>
      arm === place.arm ? [] : (this.#box({ arm, n: place.n }) ?? []),
    )
    for (const peer of this.#peers) peer.dataset["peer"] = ""
  }

  #enter(place: Place): void {
    this.state.active = place
    this.#mark(place)
    this.events.look(place)
  }

  /** Moves the focus to a token. */
  go(place: Place): void {
    const box = this.#box(place)
    if (box === undefined) return
    box.setAttribute("aria-label", this.events.label(place))
    box.focus({ preventScroll: true })
    box.scrollIntoView({ block: "nearest", inline: "nearest" })
  }

  /** The token in the line above or below that is nearest. */
  #vertical({ arm, n }: Place, down: boolean): number {
    const boxes = this.#boxes.get(arm)!
    const { left, top } = boxes[n]!.getBoundingClientRect()
    const by = down ? 1 : -1
    let best = n
    let [line, distance] = [Number.NaN, Number.POSITIVE_INFINITY]
    for (let at = n + by; at >= 0 && at < boxes.length; at += by) {
      const box = boxes[at]!.getBoundingClientRect()
      if (Math.abs(box.top - top) < 4) continue
      if (Number.isNaN(line)) line = box.top
      if (Math.abs(box.top - line) >= 4) break
      if (Math.abs(box.left - left) < distance) [best, distance] = [at, Math.abs(box.left - left)]
    }
    return best
  }

  /** The next token, or the one before, that the view marks. */
  #marked({ arm, n }: Place, by: 1 | -1): number {
    const classes = this.state.classes(arm)
    for (let at = n + by; at >= 0 && at < classes.length; at += by) if (this.state.isMarked(classes[at]!)) return at
    return n
  }

  #key(event: KeyboardEvent): void {
    const place = this.#placeOf(event.target)
    if (place === undefined || event.altKey || event.ctrlKey || event.metaKey) return
    const { arms, texts } = this.state
    const { arm, n } = place
    const text = textOf(texts, n)
    const last = texts.N - 1
    const at = arms.indexOf(arm)
    const to: Record<string, () => Place> = {
      ArrowLeft: () => ({ arm, n: Math.max(0, n - 1) }),
      ArrowRight: () => ({ arm, n: Math.min(last, n + 1) }),
      ArrowUp: () => ({ arm, n: this.#vertical(place, false) }),
      ArrowDown: () => ({ arm, n: this.#vertical(place, true) }),
      Home: () => ({ arm, n: texts.starts[text]! }),
      End: () => ({ arm, n: texts.starts[text + 1]! - 1 }),
      PageUp: () => ({ arm, n: texts.starts[Math.max(0, text - 1)]! }),
      PageDown: () => ({ arm, n: Math.min(last, texts.starts[Math.min(texts.starts.length - 2, text + 1)]!) }),
      a: () => ({ arm: arms[(at + 1) % arms.length]!, n }),
      n: () => ({ arm, n: this.#marked(place, 1) }),
      p: () => ({ arm, n: this.#marked(place, -1) }),
    }
    const next = to[event.key]
    if (next === undefined) return
    event.preventDefault()
    this.go(next())
  }
}
