import { createHmac, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** Headers of the shared-secret scheme; all lower case as Node hands them over. */
export const HMAC_HEADERS = { client: 'x-client-id', timestamp: 'x-timestamp', nonce: 'x-nonce', signature: 'x-signature' } as const
const AGE_S_MAX = 300
const NONCES_MAX = 100_000

/** HMAC-SHA256 in hex over METHOD\nPATH\nTIMESTAMP\nNONCE\nBODY; the path includes the query. */
export function hmacOf(secret: string, method: string, path: string, timestamp: string, nonce: string, body: string | Buffer): string {
  return createHmac('sha256', secret).update(`${method}\n${path}\n${timestamp}\n${nonce}\n`).update(body).digest('hex')
}

/** Checks one caller's signatures; a nonce is good once while its timestamp is fresh. */
export function hmacGuard(caller: { clientId: string; secret: string }, now: () => Date) {
  const nonces = new Map<string, number>()
  const forget = (now_s: number): void => {
    // Insertion order is time order near enough: the oldest stand first.
    for (const [nonce, until_s] of nonces) {
      if (until_s >= now_s && nonces.size < NONCES_MAX) break
      nonces.delete(nonce)
    }
  }
  const findFault = (request: FastifyRequest): string | undefined => {
    const header = (name: string): string => String(request.headers[name] ?? '')
    const timestamp = header(HMAC_HEADERS.timestamp)
    const nonce = header(HMAC_HEADERS.nonce)
    if (header(HMAC_HEADERS.client) !== caller.clientId) return 'client_unknown'
    const now_s = now().getTime() / 1000
    if (!/^\d{1,12}$/.test(timestamp) || Math.abs(now_s - Number(timestamp)) > AGE_S_MAX) return 'timestamp_stale'
    if (!/^[\w-]{8,64}$/.test(nonce)) return 'nonce_bad'
    const expected = Buffer.from(hmacOf(caller.secret, request.method, request.raw.url ?? '', timestamp, nonce, request.rawBody ?? ''))
    const given = Buffer.from(header(HMAC_HEADERS.signature))
    if (expected.length !== given.length || !timingSafeEqual(expected, given)) return 'signature_bad'
    forget(now_s)
    if (nonces.has(nonce)) return 'nonce_replayed'
    nonces.set(nonce, Number(timestamp) + AGE_S_MAX)
    return undefined
  }
  /** A Fastify preHandler. */
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const fault = findFault(request)
    return fault ? reply.status(401).send({ code: fault, message: 'request not authenticated' }) : undefined
  }
}
