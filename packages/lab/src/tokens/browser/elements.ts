/** Small helpers for the elements of the page. */

import { escapeHtml } from "../../report/escape-html.ts"

/** The element with an id, which the page has. */
export const byId = <E extends HTMLElement>(id: string): E => document.getElementById(id) as E

/** An option of a select. */
export const option = (value: string, text: string, selected: boolean): string =>
  `<option value="${escapeHtml(value)}"${selected ? " selected" : ""}>${escapeHtml(text)}</option>`

/** Per cent without a sign, by the first digit that matters. */
export const percent = (part: number): string => {
  if (!Number.isFinite(part)) return "–"
  if (part > 0 && part < 0.0005) return "<0.1 %"
  const text = (100 * part).toFixed(part < 0.1 ? 1 : 0)
  return `${text} %`
}
