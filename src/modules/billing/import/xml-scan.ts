/**
 * Reads elements out of XML by walking forward only. Each step looks from where the last one ended, and what was not found
 * once is not looked for again: the time grows with the length, whatever the text holds. No entities, no nesting of an
 * element in its like, which the parts of a workbook do not have.
 */

export interface Opening {
  readonly attributes: string
  /** `<tag/>`. */
  readonly isEmpty: boolean
  readonly start: number
  readonly end: number
}

/** The next opening of an element at or after `from`: where it begins when its end has not come yet, undefined when there is none. */
export function findOpening(xml: string, tag: string, from = 0): Opening | { readonly start: number; readonly end: undefined } | undefined {
  const mark = `<${tag}`
  for (let start = xml.indexOf(mark, from); start >= 0; start = xml.indexOf(mark, start + mark.length)) {
    const after = start + mark.length
    const next = xml.charCodeAt(after)
    // A longer name begins alike; white space, "/" and ">" end a name.
    if (next > 0x20 && next !== 0x2f && next !== 0x3e) continue
    const close = xml.indexOf('>', after)
    if (close < 0) return { start, end: undefined }
    const isEmpty = xml.charCodeAt(close - 1) === 0x2f
    return { attributes: xml.slice(after, isEmpty ? close - 1 : close), isEmpty, start, end: close + 1 }
  }
  return undefined
}

export function* openings(xml: string, tag: string): Generator<Opening> {
  for (let found = findOpening(xml, tag); found?.end !== undefined; found = findOpening(xml, tag, found.end)) yield found
}

export interface Element {
  readonly attributes: string
  readonly inner: string
  readonly start: number
  readonly end: number
}

/** Elements with what is between their tags; one that is never closed ends the walk. */
export function* elementsIn(xml: string, tag: string): Generator<Element> {
  const close = `</${tag}>`
  let from = 0
  for (;;) {
    const found = findOpening(xml, tag, from)
    if (found?.end === undefined) return
    const { attributes, isEmpty, start, end } = found
    const stop = isEmpty ? end : xml.indexOf(close, end)
    if (stop < 0) return
    from = isEmpty ? end : stop + close.length
    yield { attributes, inner: xml.slice(end, stop), start, end: from }
  }
}

/** The text without these elements. */
export function withoutElements(xml: string, tag: string): string {
  let out = ''
  let from = 0
  for (const { start, end } of elementsIn(xml, tag)) {
    out += xml.slice(from, start)
    from = end
  }
  return out + xml.slice(from)
}
