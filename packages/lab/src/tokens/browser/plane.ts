/** The plane: each token by two of its numbers, kept ones filled, with the border of the selection. */
import { bordersOf, ticksOf } from "./borders.ts"
import { byId, option } from "./elements.ts"
import type { Place, State } from "./state.ts"
import { figureText, scalesOf } from "./views.ts"

/** Space for the axes, in CSS pixels. */
const margin = { left: 44, right: 10, top: 10, bottom: 34 }
/** A click farther away from every token leads nowhere. */
const reach = 24

/** Events of the plane. */
export interface PlaneEvents {
  readonly go: (place: Place) => void
  readonly look: (place: Place) => void
  readonly label: (place: Place) => string
}

/** The plane of a page. */
export class Plane {
  readonly #canvas = byId<HTMLCanvasElement>("plane")
  readonly #axes = { x: byId<HTMLSelectElement>("axis-x"), y: byId<HTMLSelectElement>("axis-y") }
  #chosen: Record<"x" | "y", string | undefined> = { x: undefined, y: undefined }
  /** Places of the tokens in CSS pixels, of the arm that is drawn. */
  #points: ReadonlyArray<{ readonly n: number; readonly x: number; readonly y: number }> = []
  #looked: Place | undefined
  /** The arm whose axes are listed. */
  #drawn: number | undefined

  constructor(
    readonly state: State,
    readonly events: PlaneEvents,
  ) {
    for (const axis of ["x", "y"] as const)
      this.#axes[axis].addEventListener("change", () => {
        this.#chosen[axis] = this.#axes[axis].value
        this.draw()
      })
    this.#canvas.addEventListener("click", (event) => {
      const near = this.#near(event)
      if (near !== undefined) events.go({ arm: this.#arm, n: near })
    })
    this.#canvas.addEventListener("pointermove", (event) => {
      const near = this.#near(event)
      this.#canvas.style.cursor = near === undefined ? "" : "pointer"
      if (near !== undefined) events.look({ arm: this.#arm, n: near })
    })
    this.#canvas.addEventListener("pointerleave", () => events.look(state.active))
    this.#canvas.addEventListener("keydown", (event) => this.#key(event))
    new ResizeObserver(() => this.draw()).observe(this.#canvas)
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw())
  }

  /** The arm that is drawn: that of the token in the focus. */
  get #arm(): number {
    return this.state.active.arm
  }

  #near({ offsetX, offsetY }: MouseEvent): number | undefined {
    let [best, distance] = [undefined as number | undefined, reach]
    for (const { n, x, y } of this.#points) {
      const far = Math.hypot(x - offsetX, y - offsetY)
      if (far < distance) [best, distance] = [n, far]
    }
    return best
  }

  /** Left and right go to the next token by x, up and down by y; Enter goes to the token in its text. */
  #key(event: KeyboardEvent): void {
    const by = { ArrowLeft: ["x", -1], ArrowRight: ["x", 1], ArrowUp: ["y", -1], ArrowDown: ["y", 1] }[event.key] as
      | ["x" | "y", 1 | -1]
      | undefined
    const { n } = this.#looked ?? this.state.active
    if (event.key === "Enter") this.events.go({ arm: this.#arm, n })
    else if (by !== undefined) {
      const [axis, step] = by
      const order = this.#points.toSorted((a, b) => a[axis] - b[axis])
      const at = order.findIndex((point) => point.n === n)
      const next = order[Math.min(order.length - 1, Math.max(0, at + step))]
      if (next) this.events.look({ arm: this.#arm, n: next.n })
    } else return
    event.preventDefault()
  }

  /** The numbers that an axis shows by itself: losses that the filter compares, else those of the models. */
  #usual(axis: "x" | "y"): ReadonlyArray<string> {
    const { statistics } = this.state.snapshot(this.#arm)
    const ofFilter = axis === "y" ? ["draftLoss_N", "draftNll_N"] : ["referenceLoss_N", "referenceNll_N"]
    const ofModels = axis === "y" ? ["draft"] : ["reference", "target"]
    return [...ofFilter.filter((name) => statistics.has(name)).map((name) => `filter:${name}`), ...ofModels]
  }

  /** Fills the lists of axes with the numbers that the arm has at this moment. */
  options(): void {
    const { page, texts } = this.state
    const of = [texts, this.state.arm(this.#arm), this.state.snapshot(this.#arm)] as const
    const scales = scalesOf(page, texts).filter(({ values }) => values(...of) !== null)
    for (const axis of ["x", "y"] as const) {
      const wanted = [this.#chosen[axis], ...this.#usual(axis)]
      const key = wanted.find((one) => scales.some((scale) => scale.key === one)) ?? scales[0]?.key
      this.#axes[axis].innerHTML = scales.map((scale) => option(scale.key, scale.title, scale.key === key)).join("")
    }
  }

  #values(axis: "x" | "y"): ArrayLike<number> | null {
    const { page, texts } = this.state
    const view = scalesOf(page, texts).find(({ key }) => key === this.#axes[axis].value)
    return view?.values(texts, this.state.arm(this.#arm), this.state.snapshot(this.#arm)) ?? null
  }

  /** A token that is looked at, which gets a ring. */
  look(place: Place): void {
    this.#looked = place
    if (this.#drawn !== this.#arm) this.options()
    this.#drawn = this.#arm
    this.#canvas.setAttribute(
      "aria-label",
      `Plane of tokens. ${this.events.label({ ...place, arm: this.#arm })}. Arrows go to the next token, Enter to its text.`,
    )
    this.draw()
  }

  /** Draws the plane. */
  draw(): void {
    const canvas = this.#canvas
    const [width, height] = [canvas.clientWidth, canvas.clientHeight]
    if (width === 0 || height === 0) return
    const ratio = devicePixelRatio || 1
    canvas.width = Math.round(width * ratio)
    canvas.height = Math.round(height * ratio)
    const g = canvas.getContext("2d")!
    g.scale(ratio, ratio)
    const css = getComputedStyle(document.documentElement)
    const colour = (name: string) => css.getPropertyValue(name).trim()
    const [ink, faint, line, keptColour] = ["--ink", "--faint", "--line", "--kept-point"].map(colour) as [
      string,
      string,
      string,
      string,
    ]
    g.font = "11px Inter, Helvetica, Arial, sans-serif"
    const [x, y] = [this.#values("x"), this.#values("y")]
    byId("plane-arm").textContent = this.state.arm(this.#arm).name
    this.#points = []
    if (x === null || y === null) {
      g.fillStyle = faint
      g.fillText("No numbers of this arm are known at this step.", margin.left, height / 2)
      return
    }
    const { kept, score } = this.state.snapshot(this.#arm)
    const [xs, ys] = [x, y]
    const places = Array.from({ length: this.state.texts.N }, (_, n) => n).filter(
      (n) => Number.isFinite(xs[n]!) && Number.isFinite(ys[n]!),
    )
    const rangeOf = (values: ArrayLike<number>): readonly [number, number] => {
      const all = places.map((n) => values[n]!)
      let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
      for (const value of all) [low, high] = [Math.min(low, value), Math.max(high, value)]
      const space = (high - low || 1) * 0.03
      return [low - space, high + space]
    }
    const [[x0, x1], [y0, y1]] = [rangeOf(xs), rangeOf(ys)]
    const toX = (value: number) => margin.left + ((value - x0) / (x1 - x0)) * (width - margin.left - margin.right)
    const toY = (value: number) =>
      height - margin.bottom - ((value - y0) / (y1 - y0)) * (height - margin.top - margin.bottom)
    g.strokeStyle = line
    g.fillStyle = faint
    g.lineWidth = 1
    const stroke = (x0: number, y0: number, x1: number, y1: number) => {
      g.beginPath()
      g.moveTo(x0, y0)
      g.lineTo(x1, y1)
      g.stroke()
    }
    g.textAlign = "center"
    for (const tick of ticksOf(x0, x1)) {
      stroke(toX(tick), margin.top, toX(tick), height - margin.bottom)
      g.fillText(figureText(tick).replace(/\.?0+$/, ""), toX(tick), height - margin.bottom + 14)
    }
    g.textAlign = "right"
    for (const tick of ticksOf(y0, y1)) {
      stroke(margin.left, toY(tick), width - margin.right, toY(tick))
      g.fillText(figureText(tick).replace(/\.?0+$/, ""), margin.left - 5, toY(tick) + 4)
    }
    g.save()
    g.beginPath()
    g.rect(margin.left, margin.top, width - margin.left - margin.right, height - margin.top - margin.bottom)
    g.clip()
    this.#points = places.map((n) => ({ n, x: toX(xs[n]!), y: toY(ys[n]!) }))
    const dot = (of: { x: number; y: number }, radius: number) => {
      g.beginPath()
      g.arc(of.x, of.y, radius, 0, 2 * Math.PI)
    }
    g.strokeStyle = faint
    g.globalAlpha = 0.75
    for (const point of this.#points) {
      if (kept?.[point.n]) continue
      dot(point, 2.4)
      g.stroke()
    }
    g.fillStyle = keptColour
    for (const point of this.#points) {
      if (!kept?.[point.n]) continue
      dot(point, 2.8)
      g.fill()
    }
    g.globalAlpha = 1
    g.strokeStyle = ink
    g.setLineDash([5, 4])
    const starts = this.state.texts.starts
    for (const { slope, height: at } of bordersOf(xs, ys, { score, kept }, this.state.arm(this.#arm), starts))
      if (Number.isFinite(slope)) stroke(toX(x0), toY(slope * x0 + at), toX(x1), toY(slope * x1 + at))
      else stroke(toX(at), toY(y0), toX(at), toY(y1))
    g.setLineDash([])
    const ring = this.#points.find(({ n }) => n === (this.#looked ?? this.state.active).n)
    if (ring) {
      g.lineWidth = 2
      dot(ring, 6)
      g.stroke()
    }
    g.restore()
  }
}
