/** report.html of any run. */
import type { RunRecord } from "../record/schema.ts"
import type { TablesRecord } from "../study/record.ts"
import { distillationReport, studyReport } from "./distillation-report.ts"
import type { Report } from "./document.ts"
import { measuresReport } from "./measures-report.ts"
import { renderPage } from "./page.ts"
import type { ReportLine } from "./parts.ts"

/**
 * The report of a record of any study.
 *
 * @param metrics the lines of metrics.jsonl
 */
export const reportOf = (record: RunRecord | TablesRecord, metrics: ReadonlyArray<Record<string, unknown>>): Report => {
  const lines = metrics as ReadonlyArray<ReportLine>
  if (!("study" in record)) return distillationReport(record, lines)
  return "drafts" in record ? studyReport(record, lines) : measuresReport(record, lines)
}

/**
 * The report of a run as one HTML file.
 *
 * @param metrics the lines of metrics.jsonl
 * @param docs the folder of the docs, relative to the file; null: no links to them
 */
export const renderReport = (
  record: RunRecord | TablesRecord,
  metrics: ReadonlyArray<Record<string, unknown>>,
  docs: string | null = null,
): Promise<string> => renderPage(reportOf(record, metrics), { docs })
