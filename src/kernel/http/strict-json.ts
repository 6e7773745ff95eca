import { defineErrors } from '../result.ts'

export const jsonErrors = defineErrors('json', {
  not_utf8: 400,
  malformed: 400,
  duplicate_key: 400,
  forbidden_character: 400,
  number_form: 400,
  too_deep: 400,
})

/** Where and why a text is not acceptable JSON. */
export class JsonRefused extends Error {
  readonly reason: keyof typeof jsonErrors
  /** Offset in UTF-16 units. */
  readonly at: number
  constructor(reason: keyof typeof jsonErrors, at: number) {
    super(`${reason} at ${at}`)
    this.reason = reason
    this.at = at
  }
}

const DEPTH_MAX = 32
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const PLAIN_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d*[1-9])?$/
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y

/**
 * JSON.parse that refuses what different programs read differently: duplicate keys (the last one would win), NUL,
 * lone surrogates, `1e3`, `1.0`, `-0` and numbers beyond the safe range.
 */
export function parseStrictJson(text: string): unknown {
  let at = 0
  const refuse = (reason: keyof typeof jsonErrors, where = at): never => {
    throw new JsonRefused(reason, where)
  }
  const skip = () => {
    while (at < text.length && ' \t\n\r'.includes(text[at]!)) at++
  }
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    if (found === undefined) return refuse('malformed')
    at += found.length
    return found
  }
  const string = (): string => {
    const start = at
    const value = JSON.parse(take(STRING)) as string
    if (value.includes('\u0000') || !value.isWellFormed()) refuse('forbidden_character', start)
    return value
  }
  const number = (): number => {
    const start = at
    const form = take(NUMBER)
    const value = Number(form)
    if (!PLAIN_NUMBER.test(form) || form === '-0' || Math.abs(value) > Number.MAX_SAFE_INTEGER) refuse('number_form', start)
    return value
  }
  const object = (depth: number): Record<string, unknown> => {
    const out: Record<string, unknown> = Object.create(null)
    at++
    skip()
    if (text[at] === '}') {
      at++
      return out
    }
    for (;;) {
      skip()
      const start = at
      const key = string()
      if (key in out) refuse('duplicate_key', start)
      skip()
      if (text[at++] !== ':') refuse('malformed', at - 1)
      out[key] = value(depth)
      skip()
      const next = text[at++]
      if (next === '}') return out
      if (next !== ',') refuse('malformed', at - 1)
    }
  }
  const array = (depth: number): unknown[] => {
    const out: unknown[] = []
    at++
    skip()
    if (text[at] === ']') {
      at++
      return out
    }
    for (;;) {
      out.push(value(depth))
      skip()
      const next = text[at++]
      if (next === ']') return out
      if (next !== ',') refuse('malformed', at - 1)
    }
  }
  const value = (depth: number): unknown => {
    if (depth > DEPTH_MAX) refuse('too_deep')
    skip()
    const first = text[at]
    if (first === '{') return object(depth + 1)
    if (first === '[') return array(depth + 1)
    if (first === '"') return string()
    for (const [word, meaning] of [
      ['true', true],
      ['false', false],
      ['null', null],
    ] as const) {
      if (text.startsWith(word, at)) {
        at += word.length
        return meaning
      }
    }
    return number()
  }
  const result = value(0)
  skip()
  if (at < text.length) refuse('malformed')
  return result
}

/** Bytes to a value; anything that is not valid UTF-8 is refused. */
export function parseStrictJsonBytes(bytes: Uint8Array): unknown {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new JsonRefused('not_utf8', 0)
  }
  return parseStrictJson(text)
}
