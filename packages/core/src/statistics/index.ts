export * from "./statistic.ts"
export * from "./table.ts"
