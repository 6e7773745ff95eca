import { type Ctx, permit } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { append } from '#modules/trail/index.ts'
import { billerApi } from '../adapters/biller-api.ts'
import { errors } from '../errors.ts'
import { clientRevoked, clientSet } from '../events.ts'
import type { BillerPort } from '../ports.ts'
import * as store from '../store/clients.ts'
import { findBiller } from '../store.ts'

export interface NewClient {
  readonly billerId: string
  /** push: the biller's system sends us bills. call: we ask and tell the biller's system. */
  readonly purpose: store.ClientRow['purpose']
  readonly clientId: string
  readonly secret: string
  /** Of the biller's system; needed for `call` only. */
  readonly baseUrl?: string
  /** Pushes taken in an hour. */
  readonly hourlyMax?: number
}

const HOURLY_MAX = 600
const SECRET_CHARS_MIN = 16
const cellOf = (billerId: string, clientId: string): string => `billing|client|secret|${billerId}|${clientId}`

export const openSecret = (ctx: Ctx, row: store.ClientRow): string =>
  ctx.kernel.vault.open(ctx.tenantId, cellOf(row.billerId, row.clientId), row.secretSealed)

/**
 * Makes credentials known or renews them; the same again changes nothing. Several may push side by side while a biller
 * changes its secret; calls use one, so a new one replaces the last.
 */
export async function ensureClient(ctx: Ctx, input: NewClient): Promise<Result<void>> {
  const allowed = permit(ctx, 'billing.biller.register')
  if (!allowed.ok) return allowed
  const hasUrl = input.baseUrl !== undefined && /^https?:\/\//.test(input.baseUrl) && URL.canParse(input.baseUrl)
  if (input.secret.length < SECRET_CHARS_MIN || !/^[\w.-]{1,100}$/.test(input.clientId) || hasUrl !== (input.purpose === 'call'))
    return fail(errors.client_malformed)
  return ctx.kernel.db.tx(ctx.tenantId, async tx => {
    if (!(await findBiller(tx, ctx.tenantId, input.billerId))) return fail(errors.biller_not_found)
    const row = {
      billerId: input.billerId,
      purpose: input.purpose,
      clientId: input.clientId,
      baseUrl: input.baseUrl ?? null,
      hourlyMax: input.hourlyMax ?? HOURLY_MAX,
    }
    const known = await store.findClient(tx, ctx.tenantId, row)
    if (known && openSecret(ctx, known) === input.secret && known.baseUrl === row.baseUrl && known.hourlyMax === row.hourlyMax)
      return ok(undefined)
    const at = ctx.kernel.clock.now()
    if (input.purpose === 'call') await store.revokeOtherClients(tx, ctx.tenantId, row, at)
    const secretSealed = ctx.kernel.vault.seal(ctx.tenantId, cellOf(input.billerId, input.clientId), input.secret)
    await store.upsertClient(tx, ctx.tenantId, { ...row, secretSealed }, at)
    await append(tx, ctx, clientSet, { subjectId: input.billerId, body: { purpose: input.purpose, client: input.clientId } })
    return ok(undefined)
  })
}

/** Ends credentials at once; what is signed with them is refused from now on. */
export async function revokeClient(ctx: Ctx, which: Pick<NewClient, 'billerId' | 'purpose' | 'clientId'>): Promise<Result<void>> {
  const allowed = permit(ctx, 'billing.biller.register')
  if (!allowed.ok) return allowed
  return ctx.kernel.db.tx(ctx.tenantId, async tx => {
    if ((await store.revokeClient(tx, ctx.tenantId, which, ctx.kernel.clock.now())) === 0) return fail(errors.client_not_found)
    await append(tx, ctx, clientRevoked, { subjectId: which.billerId, body: { purpose: which.purpose, client: which.clientId } })
    return ok(undefined)
  })
}

export interface ListedClient {
  readonly billerId: string
  readonly purpose: store.ClientRow['purpose']
  readonly clientId: string
  readonly baseUrl: string | null
  readonly revokedAt: Date | null
}

/** Credentials in force and ended, without their secrets. */
export const listClients = (ctx: Ctx): Promise<ListedClient[]> =>
  ctx.kernel.db.read(ctx.tenantId, tx => store.listClients(tx, ctx.tenantId))

const adapters = new Map<string, BillerPort>()

/** For a biller whose own protocol is code of ours: it takes the place of the posting interface we ask billers to offer. */
export const usePort = (tenantId: number, billerId: string, port: BillerPort): void => {
  adapters.set(`${tenantId}:${billerId}`, port)
}

/** The way to a biller's system; undefined for one we hold no credentials of. */
export async function findPort(tx: Tx, ctx: Ctx, billerId: string): Promise<BillerPort | undefined> {
  const own = adapters.get(`${ctx.tenantId}:${billerId}`)
  if (own) return own
  const row = await store.findCaller(tx, ctx.tenantId, billerId)
  if (!row) return undefined
  const products = (await findBiller(tx, ctx.tenantId, billerId))?.config.products
  const partner = { clientId: row.clientId, secret: openSecret(ctx, row), baseUrl: row.baseUrl!, payee: billerId }
  return billerApi(partner, ctx.kernel.clock, products?.amounts)
}
