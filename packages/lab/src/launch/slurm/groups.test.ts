import { expect, test } from "bun:test"
import { groupsOf, type Member } from "./groups.ts"

const member = (key: string, like: string, ...needs: ReadonlyArray<string>): Member => ({ key, like, needs })

/** A run of arms and seeds: target -> texts; start -> reference -> arm -> measure, with the texts. */
const run = (arms: number, seeds: number): ReadonlyArray<Member> => [
  member("target", "target", "data"),
  member("text", "text", "data", "target"),
  ...Array.from({ length: seeds }, (_, s) => [
    member(`start${s}`, "start", "data"),
    member(`reference${s}`, "arm", "data", "target", `start${s}`),
    ...Array.from({ length: arms }, (_, a) => [
      member(`arm${a}-${s}`, "arm", "data", "target", `start${s}`, `reference${s}`),
      member(`measure${a}-${s}`, "measure", "data", "text", "target", `arm${a}-${s}`),
    ]).flat(),
  ]).flat(),
]

/** Each stage with the stages that its submission waits for. */
const waits = (members: ReadonlyArray<Member>, most = 1000): ReadonlyMap<string, ReadonlySet<string>> => {
  const groups = groupsOf(members, most)
  const known = new Map<string, ReadonlySet<string>>()
  for (const { tasks, after, beside, outside } of groups)
    for (const [task, key] of tasks) {
      const direct = [
        ...after.map(({ group, task }) => groups[group]!.tasks.get(task)!),
        ...(beside === undefined ? [] : [groups[beside]!.tasks.get(task)!]),
      ]
      // A group comes after those that it waits for.
      for (const one of direct) if (!known.has(one)) throw new Error(`${key} comes before ${one}`)
      known.set(key, new Set([...outside, ...direct, ...direct.flatMap((one) => [...known.get(one)!])]))
    }
  return known
}

test("every stage is submitted once, and waits for all that it needs and for nothing else", () => {
  for (const members of [
    run(1, 1),
    run(3, 2),
    run(4, 5),
    [member("a", "x"), member("b", "y", "a", "o"), member("c", "y", "b", "a")],
  ]) {
    const waited = waits(members)
    expect([...waited.keys()].toSorted()).toEqual(members.map(({ key }) => key).toSorted())
    const all = (key: string): ReadonlyArray<string> =>
      (members.find((of) => of.key === key)?.needs ?? []).flatMap((need) => [need, ...all(need)])
    for (const { key } of members) expect(waited.get(key)).toEqual(new Set(all(key)))
  }
})

test("arms of a seed are an array, and so are their measurements, task by task", () => {
  const groups = groupsOf(run(4, 3), 1000)
  const shown = groups.map(
    ({ tasks, beside }) => `${[...tasks.values()][0]} x${tasks.size}${beside === undefined ? "" : " beside"}`,
  )
  expect(shown.toSorted()).toEqual([
    "arm0-0 x4",
    "arm0-1 x4",
    "arm0-2 x4",
    "measure0-0 x4 beside",
    "measure0-1 x4 beside",
    "measure0-2 x4 beside",
    "reference0 x3 beside",
    "start0 x3",
    "target x1",
    "text x1",
  ])
})

test("a thousand arms of five seeds are fourteen submissions; a smaller limit of arrays splits them", () => {
  expect(groupsOf(run(1000, 5), 1000).length).toBe(14)
  expect(waits(run(25, 2), 10).size).toBe(run(25, 2).length)
  for (const { tasks } of groupsOf(run(25, 2), 10)) expect(tasks.size).toBeLessThanOrEqual(10)
})
