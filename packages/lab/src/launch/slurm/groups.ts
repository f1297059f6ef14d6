/**
 * Stages as few submissions: equal siblings become the tasks of one job array.
 *
 * Stages are siblings if they are of one kind with equal resources, and wait for the same jobs, but for one array, of which
 * each waits for another task: the measurements of the arms that are an array themselves. These depend on each other task
 * by task (`aftercorr`).
 */

/** A stage to submit. */
export interface Member {
  readonly key: string
  /** Stages with another text have other resources, or are of another kind. */
  readonly like: string
  /** Keys of the stages that it waits for. */
  readonly needs: ReadonlyArray<string>
}

/** A task of a group that another group waits for. */
export interface Place {
  readonly group: number
  readonly task: number
}

/** One submission. */
export interface Group {
  /** Keys by the number of the task. A group of one stage is a plain job. */
  readonly tasks: ReadonlyMap<number, string>
  /** Tasks, of earlier groups, that all of its tasks wait for. */
  readonly after: ReadonlyArray<Place>
  /** An earlier array, of which each task waits for the task of its own number. */
  readonly beside: number | undefined
  /** Keys of stages outside of these groups that it waits for. */
  readonly outside: ReadonlyArray<string>
}

/** The part that all tasks of a group share. */
interface Draft {
  readonly after: ReadonlyArray<Place>
  readonly beside: number | undefined
  readonly outside: ReadonlyArray<string>
}

/** The length of the longest chain that each member waits for, and what each waits for in the end, by key. */
const chainsOf = (members: ReadonlyArray<Member>) => {
  const [levels, before] = [new Map<string, number>(), new Map<string, ReadonlySet<string>>()]
  for (const { key, needs } of members) {
    levels.set(key, 1 + Math.max(-1, ...needs.flatMap((need) => levels.get(need) ?? [])))
    before.set(key, new Set(needs.flatMap((need) => [need, ...(before.get(need) ?? [])])))
  }
  return { levels, before }
}

/**
 * Groups stages.
 *
 * @param members each after those that it needs
 * @param most tasks of an array
 * @returns groups, each after those that it waits for
 */
export const groupsOf = (members: ReadonlyArray<Member>, most: number): ReadonlyArray<Group> => {
  const { levels, before } = chainsOf(members)
  const groups: Array<Draft & { readonly tasks: ReadonlyMap<number, string> }> = []
  const places = new Map<string, Place>()
  const add = (tasks: ReadonlyMap<number, string>, of: Draft) => {
    for (const [task, key] of tasks) places.set(key, { group: groups.length, task })
    groups.push({ tasks, ...of })
  }
  /** Without stages that another needed one waits for anyway. */
  const reduced = (needs: ReadonlyArray<string>) =>
    needs.filter((need) => !needs.some((other) => other !== need && before.get(other)?.has(need)))
  const isArray = ({ group }: Place) => groups[group]!.tasks.size > 1

  const byLevel = Map.groupBy(members, ({ key }) => levels.get(key)!)
  for (const level of [...byLevel.keys()].toSorted((a, b) => a - b)) {
    const waiting = byLevel.get(level)!.map(({ key, like, needs }) => {
      const needed = reduced(needs)
      const after = needed
        .flatMap((need) => places.get(need) ?? [])
        .toSorted((a, b) => a.group - b.group || a.task - b.task)
      return { key, like, after, outside: needed.filter((need) => !places.has(need)).toSorted() }
    })
    const alike = Map.groupBy(waiting, ({ like, after, outside }) => JSON.stringify([like, after, outside]))
    const alone = [...alike.values()].flatMap((all) => {
      const { after, outside } = all[0]!
      if (all.length === 1) return all
      for (let at = 0; at < all.length; at += most)
        add(new Map(all.slice(at, at + most).map(({ key }, task) => [task, key])), {
          after,
          beside: undefined,
          outside,
        })
      return []
    })
    // Each of the others waits for jobs of its own; many for one task each of one array.
    const split = alone.map(({ after, ...of }) => {
      const own = after.findLast(isArray)
      return { ...of, own, after: after.filter((place) => place !== own) }
    })
    const besides = Map.groupBy(split, ({ like, own, after, outside }) =>
      JSON.stringify([like, own?.group, after, outside]),
    )
    for (const all of besides.values()) {
      const { own, after, outside } = all[0]!
      if (all.length === 1)
        add(new Map([[0, all[0]!.key]]), { after: own ? [...after, own] : after, beside: undefined, outside })
      else add(new Map(all.map(({ key, own }) => [own!.task, key])), { after, beside: own!.group, outside })
    }
  }
  return groups
}
