export type { Seat } from "../binding/server-def.ts"
export { Group, GroupBroken, group, joinGroup, longPatience, usualPatience } from "./group.ts"
export type { Meeting } from "./meet.ts"
export { type BucketSizes, OrderedSum, type Summed, type SumOptions } from "./ordered-sum.ts"
