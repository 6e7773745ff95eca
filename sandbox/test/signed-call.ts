import { randomUUID } from 'node:crypto'
import type { CallerFile } from '../common/caller.ts'
import { HMAC_HEADERS, hmacOf } from '../common/hmac.ts'

export interface SignedCall {
  method: 'GET' | 'POST'
  path: string
  body?: object
  at?: Date
  nonce?: string
  secret?: string
}

/** A customer's request to a shared-secret stand-in. */
export async function signedCall(
  caller: CallerFile,
  call: SignedCall,
): Promise<{ status: number; text: string; json: Record<string, unknown> }> {
  const body = call.body ? JSON.stringify(call.body) : ''
  const timestamp = String(Math.floor((call.at ?? new Date()).getTime() / 1000))
  const nonce = call.nonce ?? randomUUID()
  const answer = await fetch(caller.baseUrl + call.path, {
    method: call.method,
    headers: {
      ...(body && { 'Content-Type': 'application/json' }),
      [HMAC_HEADERS.client]: caller.clientId,
      [HMAC_HEADERS.timestamp]: timestamp,
      [HMAC_HEADERS.nonce]: nonce,
      [HMAC_HEADERS.signature]: hmacOf(call.secret ?? caller.secret, call.method, call.path, timestamp, nonce, body),
    },
    body: body || undefined,
  })
  const text = await answer.text()
  return { status: answer.status, text, json: text.startsWith('{') ? JSON.parse(text) : {} }
}
