import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Ctx } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { addMs } from '#kernel/time.ts'
import { errors } from './errors.ts'
import { importBills } from './import/index.ts'
import type { ImportReport } from './import/report.ts'

export interface PushClient {
  readonly clientId: string
  readonly secret: string
}

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

/**
 * Checks that a push comes from the biller: its client id, a time stamp within 300 s, the signature, and a nonce never
 * seen before while that time stamp is fresh. Every failure is push_unsigned with its reason in `why`.
 */
export async function verifyPush(
  ctx: Ctx,
  client: PushClient,
  method: string,
  path: string,
  headers: PushHeaders,
  rawBody: Buffer,
): Promise<Result<void>> {
  const refuse = (why: string) => fail(errors.push_unsigned, { why })
  const now = ctx.kernel.clock.now()
  if (headers.clientId !== client.clientId) return refuse('client_unknown')
  if (!/^\d{1,12}$/.test(headers.timestamp) || Math.abs(now.getTime() / 1000 - Number(headers.timestamp)) > AGE_S_MAX)
    return refuse('timestamp_stale')
  if (!/^[\w-]{8,64}$/.test(headers.nonce)) return refuse('nonce_bad')
  const expected = Buffer.from(signPush(client.secret, method, path, headers.timestamp, headers.nonce, rawBody))
  const given = Buffer.from(headers.signature)
  if (expected.length !== given.length || !timingSafeEqual(expected, given)) return refuse('signature_bad')
  // After the signature: a stranger must not be able to fill the table or use up a nonce.
  const fresh = await ctx.kernel.db.tx(ctx.tenantId, async tx => {
    await tx.run(sql`delete from billing.push_nonce where tenant_id = ${ctx.tenantId} and expires_at < ${now}`)
    return tx.run(sql`
      insert into billing.push_nonce (tenant_id, client_id, nonce, expires_at)
      values (${ctx.tenantId}, ${client.clientId}, ${headers.nonce}, ${addMs(now, 2 * AGE_S_MAX * 1000)}) on conflict do nothing`)
  })
  return fresh === 1 ? ok(undefined) : refuse('nonce_replayed')
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

const clients = new Map<string, PushClient>()

/** Lets a biller's system push bills. */
export const usePushClient = (tenantId: number, billerId: string, client: PushClient): void => {
  clients.set(`${tenantId}:${billerId}`, client)
}

export const findPushClient = (tenantId: number, billerId: string): PushClient | undefined => clients.get(`${tenantId}:${billerId}`)
