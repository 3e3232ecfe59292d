// JSON pointers, edits by pointer, and the meaning of documents.

/** Refuses keys that nobody knows: a typo must not pass. */
export function only(object, keys) {
  const unknown = Object.keys(object).filter((key) => !keys.includes(key))
  if (unknown.length > 0) {
    throw new Error(`unknown keys: ${unknown.join(', ')}`)
  }
}

function parts(index, pointer) {
  const [head, ...rest] = pointer.split('/')
  const long = index.shorthands[head] ?? head
  return [...long.split('/').slice(1), ...rest].map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** The value at a pointer; undefined where there is none. */
export function pointed(index, value, pointer) {
  return parts(index, pointer).reduce(
    (place, part) => (typeof place === 'object' && place !== null && Object.hasOwn(place, part) ? place[part] : undefined),
    value,
  )
}

/** A copy with some edits made. */
export function edited(index, value, edits) {
  const copy = structuredClone(value)
  for (const edit of edits) {
    if ('set' in edit) {
      only(edit, ['set', 'to'])
      const { place, last } = placed(index, copy, edit.set, true)
      place[last] = edit.to ?? null
    } else {
      only(edit, ['remove'])
      const { place, last } = placed(index, copy, edit.remove, false)
      if (!Object.hasOwn(place, last)) {
        throw new Error(`${edit.remove}: there is nothing to remove`)
      }
      delete place[last]
    }
  }
  return copy
}

/** The object that holds what a pointer leads to, and the key there. */
function placed(index, value, pointer, make) {
  const path = parts(index, pointer)
  const last = path.pop()
  let place = value
  for (const part of path) {
    if (!Object.hasOwn(place, part)) {
      if (!make) {
        throw new Error(`${pointer}: there is no ${part}`)
      }
      place[part] = {}
    }
    place = place[part]
  }
  return { place, last }
}

/** The canonical form of a document: a list of one is its item, the order of a list has no meaning. */
export function meaning(value) {
  if (Array.isArray(value)) {
    const items = value.map(meaning).sort((left, right) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1))
    return items.length === 1 ? items[0] : items
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.keys(value)
        .sort()
        .map((key) => [key, meaning(value[key])]),
    )
  }
  return value
}
