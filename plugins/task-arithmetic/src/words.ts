/** The people and things in problems, most used first: options take the first few of each list. */

export interface Person {
  readonly name: string
  readonly pronoun: "she" | "he"
}

const people = (pronoun: Person["pronoun"], names: string): ReadonlyArray<Person> =>
  names.split(" ").map((name) => ({ name, pronoun }))

const women = people(
  "she",
  "Mia Ana Lena Ruth Ivy Nora Sara Emma Zoe Kim Lucy Rosa Amy Jane Eva Lily Tara Ella May Ada",
)
const men = people("he", "Tom Omar Ben Leo Sam Max Paul Ali Jack Noah Carl Ian Hugo Finn Luis Adam Eric Dan Ravi Otto")

/** 40 people, women and men in turn. */
export const persons: ReadonlyArray<Person> = women.flatMap((woman, i) => [woman, men[i]!])

/** 24 countable things. */
export const things: ReadonlyArray<string> = (
  "apples marbles stickers books coins shells cards pencils stamps cookies eggs balloons " +
  "beads buttons flowers candles tickets photos stones plums ribbons toys pears magnets"
).split(" ")

export const containers = ["boxes", "bags", "packs", "baskets"] as const
export const goods = ["a cap", "a lamp", "a cake", "a ball", "a map", "a mug"] as const

/** "She", at the start of a sentence. */
export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
