import { type KeyObject, sign, verify } from 'node:crypto'

export type Parameters = Record<string, string>

/** `k=v&...` over sorted names without `sign`; `omit` names one more to leave out. Values are as decoded once, not as sent. */
export function signedText(parameters: Parameters, omit = ''): string {
  return Object.keys(parameters)
    .filter(name => name !== 'sign' && name !== omit)
    .sort()
    .map(name => `${name}=${parameters[name]}`)
    .join('&')
}

/** RSA2: RSA-SHA256 with PKCS #1 v1.5, base64. */
export const signText = (key: KeyObject, text: string): string => sign('RSA-SHA256', Buffer.from(text), key).toString('base64')

export function isSigned(keys: readonly KeyObject[], text: string, signature: string): boolean {
  const bytes = Buffer.from(text)
  const given = Buffer.from(signature, 'base64')
  return keys.some(key => verify('RSA-SHA256', bytes, key, given))
}

/** Notifications leave `sign_type` out of the signed text in one tradition and keep it in the other: both are accepted. */
export function areSigned(keys: readonly KeyObject[], parameters: Parameters): boolean {
  const { sign: signature } = parameters
  if (!signature) return false
  if (isSigned(keys, signedText(parameters, 'sign_type'), signature)) return true
  return parameters.sign_type !== undefined && isSigned(keys, signedText(parameters), signature)
}

/**
 * The exact text of one node of an answer: its signature covers the bytes as sent, not a re-serialised object.
 * Undefined when the node is missing or not closed.
 */
export function rawNode(text: string, name: string): string | undefined {
  const key = `"${name}"`
  const found = text.indexOf(key)
  if (found < 0) return undefined
  const start = text.indexOf('{', found + key.length)
  if (start < 0 || text.slice(found + key.length, start).trim() !== ':') return undefined
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const character = text[at]
    if (character === '"') {
      at = endOfString(text, at)
      if (at < 0) return undefined
    } else if (character === '{') depth += 1
    else if (character === '}' && --depth === 0) return text.slice(start, at + 1)
  }
  return undefined
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at += 1
    else if (text[at] === '"') return at
  }
  return -1
}
