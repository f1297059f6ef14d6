export {
  type Fetched,
  fetchReference,
  type HubReport,
  HubReports,
  localFolder,
  pinnedReference,
} from "./fetch-reference.ts"
export type { Wanted } from "./needed-files.ts"
export { type HubReference, isHubReference, parseReference, referenceText, shortReference } from "./reference.ts"
export { type HubSettings, hubSettings } from "./settings.ts"
