/** The browser's part of a live page: listens to the server, and draws what it tells. */

import { escapeHtml } from "../../report/escape-html.ts"
import type { LiveMessage, PastRun } from "../message.ts"
import type { LiveColours, LiveCurve, LiveSnapshot } from "../snapshot.ts"
import { legend, lossChart } from "./chart.ts"
import {
  errorsHtml,
  figuresHtml,
  notesHtml,
  nowHtml,
  pastHtml,
  stagesHtml,
  stagesSummary,
  stateHtml,
  titleText,
} from "./views.ts"

/** Milliseconds after which a connection that the browser has given up is opened again. */
const RETRY = 2000

const byId = <E extends HTMLElement>(id: string): E => document.getElementById(id) as E
const drawn = new Map<string, string>()
/** Fills an element, if its content has changed: a selection in it stays. */
const fill = (id: string, html: string) => {
  if (drawn.get(id) === html) return
  drawn.set(id, html)
  byId(id).innerHTML = html
}
const show = (id: string, is: boolean) => {
  byId(id).hidden = !is
}

let snapshot: LiveSnapshot | undefined
let colours: LiveColours = {}
let curves = new Map<string, LiveCurve>()
let past: ReadonlyArray<PastRun> = []
let over = false
/** Reports by place in the list: they stay readable after the server has ended. */
const reports = new Map<number, string>()

const drawCurves = () => {
  const names = Object.keys(colours)
  const all = [...curves.values()]
    .filter(({ points }) => points.length > 0)
    .toSorted((a, b) => names.indexOf(a.name ?? "") - names.indexOf(b.name ?? ""))
  // A start and a reference may have another loss: on one scale with the arms they would hide these.
  const isDraft = ({ role }: LiveCurve) => role === "arm" || role === "capacity" || role === "study"
  const sets = { drafts: all.filter(isDraft), others: all.filter((curve) => !isDraft(curve)) }
  for (const [id, of] of Object.entries(sets)) {
    show(`${id}-box`, of.length > 0)
    if (of.length === 0) continue
    const width = Math.floor(byId(id).getBoundingClientRect().width)
    if (width > 0) fill(id, `${lossChart(of, colours, width, id)}${legend(of, colours)}`)
  }
}

const draw = () => {
  if (snapshot === undefined) return
  const { run, errors, notes } = snapshot
  if (run !== null) {
    const names = [run.experiment, run.part, run.preset, run.run].filter((name) => name !== null)
    byId("slug").textContent = names.join(" / ")
    byId("question").textContent = run.question
    fill("facts", `<li>seeds ${run.seeds.join(", ")}</li><li><code>winnow ${escapeHtml(run.command)}</code></li>`)
  }
  document.title = titleText(snapshot)
  fill("state", stateHtml(snapshot))
  show("now-box", snapshot.state === "running" || snapshot.state === "jobs")
  fill("now", nowHtml(snapshot))
  fill("figures", figuresHtml(snapshot))
  show("errors-box", errors.length > 0)
  fill("errors", errorsHtml(snapshot))
  show("notes-box", notes.length > 0)
  fill("notes", notesHtml(snapshot))
  byId("stages-summary").textContent = stagesSummary(snapshot)
  fill("stages", stagesHtml(snapshot))
}

const drawPast = () => {
  show("past-box", past.length > 0)
  fill("past", pastHtml(past, reports))
}

const fetchReports = async () => {
  for (const [i, { report }] of past.entries()) {
    if (!report || reports.has(i)) continue
    try {
      const answer = await fetch(`report/${i}`)
      if (answer.ok) reports.set(i, URL.createObjectURL(await answer.blob()))
    } catch {
      // The server is gone; the folder's name is on the page.
    }
  }
  drawPast()
}

const connection = (text: string) => {
  byId("connection").textContent = text
  show("connection", text !== "")
}

let source: EventSource
const take = async (message: LiveMessage) => {
  if (message.reset) curves = new Map()
  snapshot = message.snapshot ?? snapshot
  colours = message.colours ?? colours
  for (const curve of message.curves ?? []) curves.set(curve.stage, curve)
  if (message.past) {
    past = message.past
    drawPast()
  }
  draw()
  if (message.reset || message.curves || message.colours) drawCurves()
  if (message.past) await fetchReports()
  if (!message.over) return
  over = true
  source.close()
  connection("The command has ended. This page keeps its last state; nothing follows.")
}

const connect = () => {
  source = new EventSource("events")
  source.onopen = () => connection("")
  source.onmessage = ({ data }) => void take(JSON.parse(data) as LiveMessage)
  source.onerror = () => {
    if (over) return
    connection("The connection is lost. The page asks again by itself; a new command prints a new address.")
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, RETRY)
  }
}
new ResizeObserver(drawCurves).observe(byId("page"))
connect()
