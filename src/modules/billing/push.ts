import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Ctx } from '#kernel/context.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { addMs } from '#kernel/time.ts'
import { errors } from './errors.ts'
import { importBills } from './import/index.ts'
import type { ImportReport } from './import/report.ts'
import { openSecret } from './service/clients.ts'
import * as store from './store/clients.ts'

/** Headers as received: x-client-id, x-timestamp (seconds), x-nonce, x-signature (hex). */
export interface PushHeaders {
  readonly clientId: string
  readonly timestamp: string
  readonly nonce: string
  readonly signature: string
}

const AGE_S_MAX = 300
const BILLS_MAX = 1_000
const BODY_BYTES_MAX = 2 * 2 ** 20

/** HMAC-SHA256 in hex over METHOD\nPATH\nTIMESTAMP\nNONCE\nBODY; the path includes the query, the body is as received. */
export const signPush = (
  secret: string,
  method: string,
  path: string,
  timestamp: string,
  nonce: string,
  rawBody: Buffer | string,
): string => createHmac('sha256', secret).update(`${method}\n${path}\n${timestamp}\n${nonce}\n`).update(rawBody).digest('hex')

const HOUR_MS = 3_600_000

/**
 * Checks that a push comes from the biller: a client of its own, a time stamp within 300 s, the signature, a nonce never
 * seen before while that time stamp is fresh, and the client's share of the hour. A failure before the share is
 * push_unsigned with its reason in `why`, the same for an unknown biller: nothing to enumerate.
 */
export async function verifyPush(
  ctx: Ctx,
  billerId: string,
  method: string,
  path: string,
  headers: PushHeaders,
  rawBody: Buffer,
): Promise<Result<void>> {
  const refuse = (why: string) => fail(errors.push_unsigned, { why })
  const { db, clock } = ctx.kernel
  const now = clock.now()
  if (!/^\d{1,12}$/.test(headers.timestamp) || Math.abs(now.getTime() / 1000 - Number(headers.timestamp)) > AGE_S_MAX)
    return refuse('timestamp_stale')
  if (!/^[\w-]{8,64}$/.test(headers.nonce)) return refuse('nonce_bad')
  const which = { billerId, purpose: 'push' as const, clientId: headers.clientId.slice(0, 100) }
  const client = await db.read(ctx.tenantId, tx => store.findClient(tx, ctx.tenantId, which))
  if (!client) return refuse('client_unknown')
  const expected = Buffer.from(signPush(openSecret(ctx, client), method, path, headers.timestamp, headers.nonce, rawBody))
  const given = Buffer.from(headers.signature)
  if (expected.length !== given.length || !timingSafeEqual(expected, given)) return refuse('signature_bad')
  // After the signature: a stranger must not be able to fill the table, use up a nonce or the client's share.
  return db.tx(ctx.tenantId, async tx => {
    await store.forgetNonces(tx, ctx.tenantId, now)
    const expiresAt = addMs(now, 2 * AGE_S_MAX * 1000)
    if ((await store.insertNonce(tx, ctx.tenantId, `${billerId}:${client.clientId}`, headers.nonce, expiresAt)) === 0)
      return refuse('nonce_replayed')
    const isWithin = (await store.countPush(tx, ctx.tenantId, which, now, addMs(now, -HOUR_MS))) === 1
    return isWithin ? ok(undefined) : fail(errors.push_over_quota, { hourly_max: client.hourlyMax })
  })
}

/**
 * Takes bills a biller sends over HTTP: one object, an array, or `{"bills": [...]}`, at most 1,000. The biller's mapping must
 * be of format json. Whole or nothing, and the same body again changes nothing, as with files.
 */
export async function receivePush(ctx: Ctx, billerId: string, rawBody: Buffer): Promise<Result<ImportReport>> {
  const bills = rawBody.length <= BODY_BYTES_MAX ? billsOf(rawBody) : undefined
  if (!bills || bills.length === 0 || bills.length > BILLS_MAX)
    return fail(errors.file_refused, { why: `a JSON body with 1 to ${BILLS_MAX} bills is expected` })
  const lines = Buffer.from(bills.map(bill => `${JSON.stringify(bill)}\n`).join(''))
  return importBills(ctx, { billerId, stream: one(lines), fileName: `push ${ctx.requestId}` })
}

async function* one(chunk: Buffer): AsyncGenerator<Buffer> {
  yield chunk
}

function billsOf(rawBody: Buffer): unknown[] | undefined {
  try {
    const body: unknown = JSON.parse(rawBody.toString('utf8'))
    if (Array.isArray(body)) return body
    if (typeof body !== 'object' || body === null) return undefined
    return 'bills' in body && Array.isArray(body.bills) ? body.bills : [body]
  } catch {
    return undefined
  }
}
