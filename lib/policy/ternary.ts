/**
 * Three-valued truth: undefined is "cannot be told", as for an operator that nobody knows. An Allow needs true, a Deny
 * anything but false, so what cannot be told never lets anyone in.
 */
export type Truth = boolean | undefined

export const not = (truth: Truth): Truth => (truth === undefined ? undefined : !truth)

/** One true element settles it, whatever cannot be told of the others: the order of a list never decides. */
export function some<T>(list: readonly T[], ask: (element: T) => Truth): Truth {
  let result: Truth = false
  for (const element of list) {
    const truth = ask(element)
    if (truth) return true
    if (truth === undefined) result = undefined
  }
  return result
}

export const every = <T>(list: readonly T[], ask: (element: T) => Truth): Truth =>
  not(some(list, (element) => not(ask(element))))
