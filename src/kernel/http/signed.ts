import { createHmac, randomBytes } from 'node:crypto'
import type { Clock } from '../time.ts'
import { type Answer, type Call, exchange } from './exchange.ts'

/** What a partner with a shared secret gave us. */
export interface SharedSecret {
  readonly clientId: string
  readonly secret: string
  readonly baseUrl: string
}

export type SignedCall = Pick<Call, 'method' | 'wait_ms_max' | 'answer_bytes_max'> & {
  /** With its query. */
  readonly path: string
  readonly body?: string | Buffer<ArrayBuffer>
  /** JSON unless told. */
  readonly type?: string
}

/** One call signed as partners ask: hex HMAC-SHA256 over METHOD\nPATH\nTIMESTAMP\nNONCE\nBODY. Never throws. */
export function signedExchange(
  partner: SharedSecret,
  clock: Clock,
  { path, body, type = 'application/json', ...call }: SignedCall,
): Promise<Answer> {
  const timestamp = String(Math.floor(clock.now().getTime() / 1000))
  const nonce = randomBytes(12).toString('hex')
  const signature = createHmac('sha256', partner.secret)
    .update(`${call.method}\n${path}\n${timestamp}\n${nonce}\n`)
    .update(body ?? '')
    .digest('hex')
  return exchange({
    ...call,
    url: `${partner.baseUrl}${path}`,
    headers: {
      'content-type': type,
      'x-client-id': partner.clientId,
      'x-timestamp': timestamp,
      'x-nonce': nonce,
      'x-signature': signature,
    },
    ...(body !== undefined && body.length > 0 && { body }),
  })
}

/** The JSON of an answer; undefined for anything else. */
export function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}
