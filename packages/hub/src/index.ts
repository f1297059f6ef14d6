export { fetchDataset, type HubDataset, pinnedDataset } from "./fetch-dataset.ts"
export {
  type Fetched,
  fetchReference,
  localFolder,
  pinnedReference,
} from "./fetch-reference.ts"
export { type FetchOptions, type HubReport, HubReports } from "./fetching.ts"
export type { Wanted } from "./needed-files.ts"
export {
  type HubReference,
  isDatasetReference,
  isHubReference,
  parseReference,
  referenceText,
  shortReference,
} from "./reference.ts"
export { type HubSettings, hubSettings } from "./settings.ts"
