/** The state of the page, and the parts of the data that it points at. */
import { type Arm, momentsOf, type Page, type Snapshot, snapshotAt, type Texts } from "./data.ts"
import { classesOf, endsOf, type View, viewsOf } from "./views.ts"

/** A token of an arm. */
export interface Place {
  readonly arm: number
  readonly n: number
}

/** The state; functions that draw read it, and events change it. */
export class State {
  set = 0
  moment = 1
  view = ""
  /** Indices of the arms side by side, in their order. */
  arms: ReadonlyArray<number> = []
  /** The token in the focus. */
  active: Place = { arm: 0, n: 0 }

  constructor(readonly page: Page) {
    this.choose(0)
  }

  /** Goes to another set of texts; arms and view stay where they can. */
  choose(set: number): void {
    this.set = set
    const { arms } = this.texts
    const stay = this.arms.filter((arm) => arm < arms.length)
    const about = Math.max(
      0,
      arms.findIndex(({ name }) => name === this.page.about),
    )
    const beside = arms.findIndex((_, arm) => arm !== about)
    this.arms = stay.length > 0 ? stay : [about, beside].filter((arm) => arm >= 0).toSorted((a, b) => a - b)
    this.moment = this.moments.at(-1) ?? 1
    if (!this.views.some(({ key }) => key === this.view)) this.view = this.views[0]!.key
    this.active = { arm: this.arms.includes(about) ? about : this.arms[0]!, n: 0 }
  }

  get texts(): Texts {
    return this.page.sets[this.set]!
  }

  get moments(): ReadonlyArray<number> {
    return momentsOf(this.texts)
  }

  get views(): ReadonlyArray<View> {
    return viewsOf(this.page, this.texts)
  }

  get chosenView(): View {
    return this.views.find(({ key }) => key === this.view)!
  }

  arm(index: number): Arm {
    return this.texts.arms[index]!
  }

  snapshot(index: number): Snapshot {
    return snapshotAt(this.arm(index), this.moment)
  }

  /** The ends of the view's scale, over all arms that are shown. */
  ends(): readonly [low: number, high: number] {
    const { ends, values } = this.chosenView
    if (ends !== undefined) return ends
    const each = this.arms.map((arm) => values(this.texts, this.arm(arm), this.snapshot(arm)))
    return endsOf(each.filter((array) => array !== null))
  }

  /** The class of each token of an arm. */
  classes(arm: number, ends = this.ends()): ReadonlyArray<string> {
    return classesOf(this.chosenView, this.texts, this.arm(arm), this.snapshot(arm), ends)
  }

  /** True for a token that a reader looks for in the view: kept, not accepted, or of the three strongest shades. */
  isMarked(kind: string): boolean {
    if (this.chosenView.kind === "kept") return kind === "t-kept"
    if (this.chosenView.kind === "decoding") return kind === "t-corrected"
    return /^t-shade q[678]$/.test(kind)
  }
}
