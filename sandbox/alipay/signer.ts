import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import type { AlipayKeyFiles } from './keys.ts'

/** The channel's side of RSA2, written apart from the merchant's client. */
export interface AlipaySigner {
  appId: string
  sellerId: string
  key: KeyObject
  merchantKey: KeyObject
}

export type Form = Record<string, string>

export const alipaySigner = ({ merchant, platform }: AlipayKeyFiles): AlipaySigner => ({
  appId: merchant.appId,
  sellerId: merchant.sellerId,
  key: createPrivateKey(platform.privateKeyPem),
  merchantKey: createPublicKey(platform.appPublicKeyPem),
})

const rsa2 = (signer: AlipaySigner, text: string): string => sign('RSA-SHA256', Buffer.from(text), signer.key).toString('base64')

const joined = (form: Form, without: readonly string[]): string => {
  const pairs = Object.entries(form).filter(([name, value]) => value !== '' && !without.includes(name))
  pairs.sort(([a], [b]) => (a < b ? -1 : 1))
  return pairs.map(pair => pair.join('=')).join('&')
}

/** Requests are signed with `sign_type` inside. */
export function isRequestSigned(signer: AlipaySigner, form: Form): boolean {
  return verify('RSA-SHA256', Buffer.from(joined(form, ['sign'])), signer.merchantKey, Buffer.from(form.sign ?? '', 'base64'))
}

/** `{"<method>_response":{...},"sign":"..."}`, signed over the node's text. */
export function signAnswer(signer: AlipaySigner, method: string, node: object): string {
  const text = JSON.stringify(node)
  return `{"${method.replaceAll('.', '_')}_response":${text},"sign":${JSON.stringify(rsa2(signer, text))}}`
}

/** Adds `sign` and `sign_type`; `isTypeSigned` chooses between the two traditions of notifications. */
export function signForm(signer: AlipaySigner, form: Form, isTypeSigned: boolean): Form {
  const typed = { ...form, sign_type: 'RSA2' }
  return { ...typed, sign: rsa2(signer, joined(isTypeSigned ? typed : form, ['sign'])) }
}

/** '2026-06-01 10:00:00' in China's one time zone. */
export const localTime = (at: Date): string => new Date(at.getTime() + 28_800_000).toISOString().slice(0, 19).replace('T', ' ')

export const yuan = (fen: number): string => `${Math.floor(fen / 100)}.${String(fen % 100).padStart(2, '0')}`

/** '88.88' -> 8888; undefined for anything else. */
export function fenOf(text: unknown): number | undefined {
  const match = typeof text === 'string' ? /^(\d{1,9})(?:\.(\d{1,2}))?$/.exec(text) : null
  return match ? Number(match[1]) * 100 + Number((match[2] ?? '').padEnd(2, '0')) : undefined
}
