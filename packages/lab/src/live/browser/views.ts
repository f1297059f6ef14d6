/** The parts of the page as HTML. */

import { escapeHtml } from "../../report/escape-html.ts"
import { clock, duration } from "../../table/time.ts"
import type { PastRun } from "../message.ts"
import type { LiveSnapshot, RunningStage } from "../snapshot.ts"
import { count, short } from "./text.ts"

const bar = (fraction: number, name: string): string =>
  `<span class="bar" role="progressbar" aria-label="${escapeHtml(name)}" aria-valuemin="0" aria-valuemax="100" aria-valuenow="${Math.round(100 * fraction)}"><i style="width:${(100 * Math.min(1, fraction)).toFixed(1)}%"></i></span>`

const ends: Readonly<Record<LiveSnapshot["state"], string>> = {
  running: "running",
  jobs: "its command has stopped; jobs of the cluster go on",
  done: "the run has ended",
  incomplete: "the run has ended, some figures are missing",
  stopped: "stopped: the same command goes on where it was",
  failed: "failed",
}

/** The line that says how far the run is. */
export const stateText = ({ state, over, of, left, elapsed }: LiveSnapshot): string => {
  if (state !== "running" && state !== "jobs") return `${ends[state]}; ${over} of ${of} stages are done`
  const rest = left === null ? "" : `, ${left.atLeast ? "at least" : "about"} ${clock(left.seconds)} left`
  return `${state === "jobs" ? `${ends.jobs}; ` : ""}${over} of ${of} stages done${rest}, ${clock(elapsed)} so far`
}

const smokeHtml = ({ run }: LiveSnapshot): string =>
  run === null || run.limit === null
    ? ""
    : `<p class="note"><b>Smoke run</b>, cut by --limit ${run.limit}: its figures have no meaning.</p>`

/** The line of the title. */
export const titleText = ({ state, fraction, left, run }: LiveSnapshot): string => {
  const name = run === null ? "winnow" : [run.experiment, run.part].filter(Boolean).join("/")
  if (state === "running" || state === "jobs")
    return `${Math.floor(100 * fraction)} %${left === null ? "" : `, ${clock(left.seconds)} left`} · ${name}`
  return `${state} · ${name}`
}

export const stateHtml = (snapshot: LiveSnapshot): string =>
  `${smokeHtml(snapshot)}${bar(snapshot.fraction, "the run")}<p class="state ${snapshot.state}">${escapeHtml(stateText(snapshot))}</p>${
    snapshot.message === null ? "" : `<pre class="error">${escapeHtml(snapshot.message)}</pre>`
  }`

const runningHtml = ({ stage, done, total, unit, detail, seconds, left }: RunningStage): string => {
  const many = total > 0 ? `${count(done)}/${count(total)} ${unit}`.trim() : ""
  const time = left === null ? `${clock(seconds)} so far` : `${clock(left)} left`
  const facts = [many, detail, time].filter((text) => text !== "").join(" · ")
  return `<li><b>${escapeHtml(stage)}</b>${bar(total > 0 ? done / total : 0, stage)}<small>${escapeHtml(facts)}</small></li>`
}

/** The running stages. */
export const nowHtml = ({ running, queue, state }: LiveSnapshot): string => {
  const shown = queue === "" ? "" : `<p class="note">${escapeHtml(queue)}</p>`
  if (running.length > 0) return `<ul class="at-work">${running.map(runningHtml).join("")}</ul>${shown}`
  return state === "running" ? `<p class="note">Nothing at this moment.</p>${shown}` : shown
}

/** The figures so far. */
export const figuresHtml = ({ columns, rows }: LiveSnapshot): string => {
  if (columns.length === 0) return `<p class="note">No draft is measured yet.</p>`
  const head = columns.map(({ title }) => `<th>${escapeHtml(title)}</th>`).join("")
  const body = rows.map(({ name, role, cells, seeds }) => {
    const figures = columns.map(({ key, share }) => {
      const cell = cells[key]
      if (cell === undefined) return "<td>–</td>"
      const value = share ? (100 * cell.mean).toFixed(1) : short(cell.mean)
      return `<td>${value}${cell.seeds < seeds ? ` <small>${cell.seeds}/${seeds}</small>` : ""}</td>`
    })
    const context = role === "arm" || role === "study" ? "" : ' class="context"'
    return `<tr${context}><th scope="row">${escapeHtml(name)}</th>${figures.join("")}</tr>`
  })
  return `<table><thead><tr><th>draft</th>${head}</tr></thead><tbody>${body.join("")}</tbody></table>
<p class="note">Means over the seeds that are measured; 2/5: two of five. Intervals and verdicts are in the report.</p>`
}

export const errorsHtml = ({ errors }: LiveSnapshot): string =>
  errors
    .map(({ stage, message }) => `<h3>${escapeHtml(stage)}</h3><pre class="error">${escapeHtml(message)}</pre>`)
    .join("")

export const notesHtml = ({ notes }: LiveSnapshot): string =>
  `<ul>${notes.map((note) => `<li>${escapeHtml(note)}</li>`).join("")}</ul>`

const words = {
  waiting: "waiting",
  running: "running",
  done: "done",
  stored: "there already",
  failed: "failed",
} as const

/** The number of stages in each state. */
export const stagesSummary = ({ stages }: LiveSnapshot): string => {
  const counts = Map.groupBy(stages, ({ state }) => state)
  return Object.entries(words)
    .flatMap(([state, word]) => {
      const n = counts.get(state as keyof typeof words)?.length ?? 0
      return n === 0 ? [] : [`${n} ${word}`]
    })
    .join(", ")
}

export const stagesHtml = ({ stages }: LiveSnapshot): string =>
  `<ol class="stages">${stages
    .map(({ stage, state, seconds }) => {
      const time = state === "done" && seconds > 0 ? ` ${duration(seconds)}` : ""
      return `<li class="${state}"><span>${escapeHtml(stage)}</span> <small>${words[state]}${time}</small></li>`
    })
    .join("")}</ol>`

/** @param links addresses of the reports that the page has, by place in the list */
export const pastHtml = (past: ReadonlyArray<PastRun>, links: ReadonlyMap<number, string>): string =>
  `<ul>${past
    .map(({ title, state, directory }, i) => {
      const link = links.get(i)
      const report = link === undefined ? "" : ` <a class="report" href="${link}" target="_blank">open its report</a>`
      return `<li><b>${escapeHtml(title)}</b>: ${ends[state]}.${report}<br><code>${escapeHtml(directory)}</code></li>`
    })
    .join("")}</ul>`
