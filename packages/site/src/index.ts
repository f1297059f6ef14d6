/** The pages of this repository as a static site (`bun run docs`). */
export { buildSite, type Site } from "./build.ts"
export { type Issue, issueText, linkIssues } from "./links.ts"
export { type Results, resultsOf } from "./results.ts"
export { writeSite } from "./write-site.ts"
