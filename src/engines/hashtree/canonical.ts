/** Nesting allowed in one entry. */
const DEPTH_MAX = 32

/** The value has no canonical form; the message names the place. */
export class CanonicalError extends Error {}

/**
 * One spelling per value, after RFC 8785: keys in UTF-16 order, no white space, integers only.
 * Throws CanonicalError for fractions, integers beyond 2^53 - 1, lone surrogates, NUL, non-plain objects and deep nesting.
 * Properties whose value is undefined are left out, as JSON does.
 */
export function canonicalJson(value: unknown): string {
  return spell(value, '$', 0)
}

function spell(value: unknown, path: string, depth: number): string {
  if (depth > DEPTH_MAX) throw new CanonicalError(`${path}: nested deeper than ${DEPTH_MAX}`)
  if (value === null || value === true || value === false) return String(value)
  if (typeof value === 'string') return spellText(value, path)
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new CanonicalError(`${path}: not a safe integer`)
    return String(value)
  }
  if (Array.isArray(value)) return `[${value.map((item, i) => spell(item, `${path}[${i}]`, depth + 1)).join(',')}]`
  if (isPlain(value)) return spellObject(value, path, depth)
  throw new CanonicalError(`${path}: ${typeof value} has no canonical form`)
}

function spellObject(value: Record<string, unknown>, path: string, depth: number): string {
  const parts: string[] = []
  for (const key of Object.keys(value).sort()) {
    const item = value[key]
    if (item === undefined) continue
    parts.push(`${spellText(key, path)}:${spell(item, `${path}.${key}`, depth + 1)}`)
  }
  return `{${parts.join(',')}}`
}

function spellText(text: string, path: string): string {
  if (!text.isWellFormed()) throw new CanonicalError(`${path}: lone surrogate`)
  if (text.includes('\0')) throw new CanonicalError(`${path}: NUL`)
  return JSON.stringify(text)
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const proto: unknown = Object.getPrototypeOf(value)
  return proto === Object.prototype || proto === null
}
