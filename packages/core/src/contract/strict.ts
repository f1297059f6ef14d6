/** Objects that plugins read: reading a missing name is an error, not undefined, and writing is refused. */

/** Names that engines and libraries look for in any object. */
const harmless = new Set(["then", "toJSON", "nodeType", "$$typeof", "asymmetricMatch", "inspect"])

/**
 * A maker of such objects.
 *
 * @param refuse makes the error for a name that the object does not have
 * @returns makes an object from the fields of another, except the field `without`
 */
export const strict = (refuse: (name: string) => Error) => {
  const prototype = new Proxy(Object.prototype, {
    get: (target, key) => {
      if (typeof key === "symbol" || key in target || harmless.has(key)) return Reflect.get(target, key)
      throw refuse(key)
    },
    getPrototypeOf: () => null,
  })
  return <T extends object>(fields: T, without?: keyof T): T => {
    // By descriptor, so that a field that is computed at its first read stays so.
    const own = Object.getOwnPropertyDescriptors(fields)
    if (without !== undefined) delete own[without]
    return Object.freeze(Object.create(prototype, own) as T)
  }
}
